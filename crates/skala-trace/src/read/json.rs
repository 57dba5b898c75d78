//! JSON lines: an object per line, with the same names as CSV's columns; `{"at": 3600, "holeTo": 7200}` is a hole.

use serde_json::{Map, Value};

use super::columns::{Role, role};
use super::csv::{tokens, value, variation};
use super::lines::Lines;
use super::number::Clock;
use super::{Row, RowKind, Rows, Source};
use crate::TraceError;
use crate::trace::Input;

struct JsonRows {
    lines: Lines<Input>,
    kind: RowKind,
    /// Names met so far and what they say; few, since rows are alike.
    roles: Vec<(String, Option<(Role, usize)>)>,
    clock: Option<Clock>,
    pending: bool,
}

/// Names that are remembered; objects with ever new names are looked up each time.
const REMEMBERED: usize = 64;

pub(super) fn open(lines: Lines<Input>, rows: Option<RowKind>) -> Result<Source, TraceError> {
    let object = parse(&lines)?;
    let roles: Vec<Role> = object.keys().filter_map(|k| role(&snake(k)).map(|r| r.0)).collect();
    let kind = rows.unwrap_or(match () {
        () if roles.iter().any(|r| matches!(r, Role::Rate(_))) => RowKind::Rates,
        () if roles.contains(&Role::Count) => RowKind::Counts,
        () => RowKind::Arrivals,
    });
    Ok(Source { rows: Box::new(JsonRows { lines, kind, roles: Vec::new(), clock: None, pending: true }), kind })
}

fn parse(lines: &Lines<Input>) -> Result<Map<String, Value>, TraceError> {
    serde_json::from_slice(lines.line())
        .map_err(|e| TraceError::row(lines.number(), format!("is no JSON object: {e}").replace('\n', " ")))
}

/// `inputTokens` as `input_tokens`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && out.ends_with(|p: char| p.is_lowercase()) {
            out.push('_');
        }
        out.push(c);
    }
    out
}

impl JsonRows {
    fn role(&mut self, name: &str) -> Option<(Role, usize)> {
        if let Some((_, known)) = self.roles.iter().find(|(n, _)| n == name) {
            return *known;
        }
        let found = role(&snake(name));
        if self.roles.len() < REMEMBERED {
            self.roles.push((name.to_owned(), found));
        }
        found
    }

    fn row(&mut self) -> Result<Row, TraceError> {
        let number = self.lines.number();
        let object = parse(&self.lines)?;
        let mut row = Row::at(number, 0);
        let mut time: Option<(usize, Option<u64>, String)> = None;
        let mut amount: Option<usize> = None;
        let mut hole = None;
        for (name, value_) in &object {
            let Some((role, rank)) = self.role(name) else { continue };
            let text = text(value_);
            let fault = |what: &str| TraceError::row(number, format!("'{}' of \"{}\" {what}", shown(&text), shown(name)));
            match role {
                Role::Time(unit) if time.as_ref().is_none_or(|t| rank < t.0) => time = Some((rank, unit, text)),
                Role::Rate(_) | Role::Count if self.kind == RowKind::Arrivals => {}
                Role::Rate(per) => {
                    row.value = value(text.as_bytes(), per).map_err(|()| fault("is no number of requests, 0 or more"))?;
                    amount = Some(0);
                }
                Role::Count if amount.is_none_or(|best| rank < best) => {
                    row.value = value(text.as_bytes(), 1).map_err(|()| fault("is no number of requests, 0 or more"))?;
                    amount = Some(rank);
                }
                Role::Input => row.tokens.0 = tokens(text.as_bytes()).ok_or_else(|| fault("is no number of tokens"))?,
                Role::Output => row.tokens.1 = tokens(text.as_bytes()).ok_or_else(|| fault("is no number of tokens"))?,
                Role::Cv | Role::Scv => {
                    row.scv =
                        variation(text.as_bytes(), role == Role::Scv).map_err(|()| fault("is no coefficient of variation"))?;
                }
                Role::HoleEnd => hole = Some(text),
                Role::Time(_) | Role::Count => {}
            }
        }
        let Some((_, unit, text)) = time else {
            return Err(TraceError::row(number, "no member tells the time: call it \"at\" or \"timestamp\""));
        };
        let clock = match self.clock {
            Some(clock) => Some(clock),
            None => Clock::of(text.as_bytes(), unit),
        };
        self.clock = clock;
        let read = |text: &str| {
            let fault = || TraceError::row(number, format!("'{}' is no time", shown(text)));
            clock.and_then(|c| c.read(text.as_bytes())).ok_or_else(fault)
        };
        row.at = read(&text)?;
        if let Some(end) = hole {
            row.hole = Some(read(&end)?).filter(|end| *end > row.at);
            if row.hole.is_none() {
                return Err(TraceError::row(number, "a hole ends no later than it begins"));
            }
        }
        Ok(row)
    }
}

impl Rows for JsonRows {
    fn next(&mut self) -> Result<Option<Row>, TraceError> {
        if !std::mem::take(&mut self.pending) && !self.lines.advance()? {
            return Ok(None);
        }
        self.row().map(Some)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
