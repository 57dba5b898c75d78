//! Which column says what: by the names that headers use.

use super::RowKind;
use super::number::SECOND;
use crate::TraceError;

/// What a column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// When; with the unit that the name tells, nanoseconds.
    Time(Option<u64>),
    /// Requests per second, times this many thousandths... of what the name says per minute or hour.
    Rate(u32),
    /// Requests of a step.
    Count,
    /// Coefficient of variation of gaps.
    Cv,
    /// Its square.
    Scv,
    /// Tokens of the prompt.
    Input,
    /// Tokens of the answer.
    Output,
    /// End of a hole (JSON lines).
    HoleEnd,
}

/// Names for the time, best first.
const TIMES: [&str; 22] = [
    "arrival",
    "arrival_time",
    "arrived_at",
    "arrived",
    "timestamp",
    "ts",
    "at",
    "time",
    "t",
    "datetime",
    "date",
    "start_time",
    "started_at",
    "start",
    "created_at",
    "received_at",
    "request_timestamp",
    "epoch",
    "unix",
    "time_local",
    "when",
    "seconds",
];

const RATES: [&str; 11] = [
    "requests_per_s",
    "requests_per_second",
    "requests_per_sec",
    "requests_s",
    "requestspersecond",
    "req_per_s",
    "req_s",
    "rps",
    "qps",
    "rate",
    "arrival_rate",
];

const COUNTS: [&str; 14] = [
    "requests",
    "count",
    "requests_count",
    "request_count",
    "num_requests",
    "n_requests",
    "n",
    "hits",
    "value",
    "arrivals",
    "invocations",
    "events",
    "calls",
    "total",
];

const INPUTS: [&str; 11] = [
    "input_tokens",
    "prompt_tokens",
    "context_tokens",
    "contexttokens",
    "request_tokens",
    "num_prefill_tokens",
    "input_length",
    "prompt_length",
    "input_len",
    "prompt_len",
    "inputtokens",
];

const OUTPUTS: [&str; 12] = [
    "output_tokens",
    "completion_tokens",
    "generated_tokens",
    "generatedtokens",
    "response_tokens",
    "num_decode_tokens",
    "output_length",
    "completion_length",
    "output_len",
    "completion_len",
    "answer_tokens",
    "outputtokens",
];

/// Lower case, with `_` for what is neither letter nor digit.
pub(crate) fn normalised(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_alphanumeric() => out.push(c),
            _ if out.ends_with('_') || out.is_empty() => {}
            _ => out.push('_'),
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

/// What a name says; with its rank among names of the same role, 0 the best.
pub(crate) fn role(name: &str) -> Option<(Role, usize)> {
    let name = normalised(name);
    let among = |names: &[&str], role: Role| names.iter().position(|n| *n == name).map(|rank| (role, rank));
    among(&RATES, Role::Rate(1))
        .or_else(|| among(&COUNTS, Role::Count))
        .or_else(|| among(&INPUTS, Role::Input))
        .or_else(|| among(&OUTPUTS, Role::Output))
        .or_else(|| among(&["gap_cv", "cv", "rate_weighted_cv"], Role::Cv))
        .or_else(|| among(&["gap_scv", "scv"], Role::Scv))
        .or_else(|| among(&["requests_per_minute", "requests_per_min", "rpm"], Role::Rate(60)))
        .or_else(|| among(&["requests_per_hour", "rph"], Role::Rate(3600)))
        .or_else(|| among(&["hole_to", "hole_end", "hole_to_s"], Role::HoleEnd))
        .or_else(|| time(&name))
}

fn time(name: &str) -> Option<(Role, usize)> {
    let find = |name: &str| TIMES.iter().position(|n| *n == name);
    if let Some(rank) = find(name) {
        return Some((Role::Time((name == "seconds").then_some(SECOND)), rank));
    }
    let units = [("_ns", 1), ("_us", 1000), ("_ms", 1_000_000), ("_s", SECOND), ("_sec", SECOND), ("_seconds", SECOND)];
    let (base, unit) = units.iter().find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, *unit)))?;
    find(base).map(|rank| (Role::Time(Some(unit)), rank))
}

/// Places of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) time: usize,
    pub(crate) unit: Option<u64>,
    pub(crate) value: Option<(usize, u32)>,
    pub(crate) cv: Option<(usize, bool)>,
    pub(crate) input: Option<usize>,
    pub(crate) output: Option<usize>,
    /// The highest place that is read.
    pub(crate) last: usize,
}

/// Reads a header; what the rows are, unless `rows` says it.
pub(crate) fn columns(names: &[String], rows: Option<RowKind>, line: u64) -> Result<(Columns, RowKind), TraceError> {
    let found: Vec<_> = names.iter().enumerate().filter_map(|(i, n)| role(n).map(|(role, rank)| (i, role, rank))).collect();
    let best = |wanted: &dyn Fn(Role) -> bool| {
        found.iter().filter(|(_, role, _)| wanted(*role)).min_by_key(|(i, _, rank)| (*rank, *i)).map(|(i, role, _)| (*i, *role))
    };
    let Some((time, Role::Time(unit))) = best(&|r| matches!(r, Role::Time(_))) else {
        let reason = format!("no column tells the time: found {}; call it 'arrival_s' or 'timestamp'", listed(names));
        return Err(TraceError::row(line, reason));
    };
    let rate = best(&|r| matches!(r, Role::Rate(_)));
    let count = best(&|r| r == Role::Count);
    let kind = rows.unwrap_or(match (rate, count) {
        (Some(_), _) => RowKind::Rates,
        (None, Some(_)) => RowKind::Counts,
        (None, None) => RowKind::Arrivals,
    });
    let value = match kind {
        RowKind::Arrivals => None,
        RowKind::Rates => rate.or(count),
        RowKind::Counts => count.or(rate),
    };
    if kind != RowKind::Arrivals && value.is_none() {
        let reason = format!("no column tells the requests: found {}; call it 'requests' or 'requests_per_s'", listed(names));
        return Err(TraceError::row(line, reason));
    }
    let value = value.map(|(i, role)| (i, if let Role::Rate(per) = role { per } else { 1 }));
    let cv = best(&|r| r == Role::Scv).or(best(&|r| r == Role::Cv)).map(|(i, role)| (i, role == Role::Scv));
    let (input, output) = (best(&|r| r == Role::Input).map(|c| c.0), best(&|r| r == Role::Output).map(|c| c.0));
    let places = [Some(time), value.map(|v| v.0), cv.map(|c| c.0), input, output];
    let last = places.into_iter().flatten().max().unwrap_or(0);
    Ok((Columns { time, unit, value, cv, input, output, last }, kind))
}

/// Columns without a header: the time first, tokens or the requests behind it.
pub(crate) fn unnamed(count: usize, rows: Option<RowKind>, line: u64) -> Result<(Columns, RowKind), TraceError> {
    let kind = match (rows, count) {
        (Some(kind), _) => kind,
        (None, 1 | 3) => RowKind::Arrivals,
        (None, _) => {
            let reason = "there is no header, and rows of this many columns can mean several things: \
                          write one, such as 'arrival_s,input_tokens,output_tokens' or 'timestamp,requests', or say what rows are";
            return Err(TraceError::row(line, reason));
        }
    };
    let at = |i: usize| (i < count).then_some(i);
    let columns = match kind {
        RowKind::Arrivals => Columns { input: at(1), output: at(2), last: (count - 1).min(2), ..Columns::default() },
        _ if count > 1 => Columns { value: Some((1, 1)), last: 1, ..Columns::default() },
        _ => return Err(TraceError::row(line, "rows of requests need two columns: a time and a number")),
    };
    Ok((columns, kind))
}

/// Names for a message, not too many of them.
fn listed(names: &[String]) -> String {
    let short = |n: &String| format!("'{}'", n.chars().filter(|c| !c.is_control()).take(40).collect::<String>());
    let mut text = names.iter().take(12).map(short).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        text.push_str(&format!(" and {} more", names.len() - 12));
    }
    text
}
