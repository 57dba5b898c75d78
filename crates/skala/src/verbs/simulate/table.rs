//! The report for people, within 100 columns.
//!
//! Decides: which row is the best of its column, marked with `*`: fewest misses, least paid. Equal ones all are; a column in which
//!   all are equal marks none.

use std::cmp::Ordering;
use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::figures::Figures;
use super::report::{Report, Row, TraceReport};
use super::{stations, words};

/// Longest name of a policy or trace in a table; longer ones lose their beginning, which for paths says least.
const NAME: usize = 24;

struct Column {
    header: &'static str,
    cell: fn(&Figures) -> String,
    /// Smallest is best; `None` when neither end is.
    rank: Option<fn(&Figures) -> Option<f64>>,
}

const fn column(header: &'static str, cell: fn(&Figures) -> String, rank: Option<fn(&Figures) -> Option<f64>>) -> Column {
    Column { header, cell, rank }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".into())
}

/// What users got.
const PROMISES: [Column; 7] = [
    column(
        "MISSED MIN",
        |f| or_dash(f.missed_minutes.map(|n| words::count(n as f64))),
        Some(|f| f.missed_minutes.map(|n| n as f64)),
    ),
    column("OF ALL", |f| or_dash(f.missed_minutes_share.map(words::share)), None),
    column("MISSED REQ", |f| or_dash(f.missed_requests.map(words::share)), Some(|f| f.missed_requests)),
    column("REFUSED", |f| words::share(f.refused_share), Some(|f| Some(f.refused_share))),
    column("P50", |f| or_dash(f.p50.map(words::seconds)), None),
    column("P95", |f| or_dash(f.p95.map(words::seconds)), Some(|f| f.p95)),
    column("WORST WAIT", |f| words::seconds(f.worst_wait), Some(|f| Some(f.worst_wait))),
];

/// What it took.
const PRICE: [Column; 8] = [
    column("REPLICA-H", |f| words::amount(f.replica_hours), Some(|f| Some(f.replica_hours))),
    column("VS OPTIMUM", |f| or_dash(f.over_optimum.map(words::change)), None),
    column("COST", |f| or_dash(f.cost.map(words::amount)), Some(|f| f.cost)),
    column("ACTIONS", |f| words::count(f.scale_actions as f64), Some(|f| Some(f.scale_actions as f64))),
    column("TURNS", |f| words::count(f.direction_changes as f64), Some(|f| Some(f.direction_changes as f64))),
    column("BUSY", |f| words::share(f.utilisation), None),
    column("UNDER", |f| words::share(f.under), Some(|f| Some(f.under))),
    column("OVER", |f| words::share(f.over), Some(|f| Some(f.over))),
];

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for trace in &report.traces {
        for service in trace.services() {
            let rows: Vec<&Row> = trace.of(service).collect();
            head(&mut out, report, trace, service, rows[0]);
            let _ = writeln!(out, "{}\n\n{}\n", table(&rows, &PROMISES), table(&rows, &PRICE));
        }
        stations::render(&mut out, &trace.stations);
    }
    for verdict in &report.conditions {
        let word = if verdict.failed { "FAILED" } else { "ok" };
        let _ = writeln!(out, "{word}  {}: {}  ({}, {})", verdict.condition, verdict.words, verdict.service, verdict.trace);
    }
    if !report.conditions.is_empty() {
        out.push('\n');
    }
    for policy in &report.policies {
        let baseline = if policy.baseline { " (baseline)" } else { "" };
        let _ = writeln!(out, "{}{baseline}: {}", short(&policy.name), policy.about);
    }
    for remark in &report.remarks {
        let _ = writeln!(out, "remark: {remark}");
    }
    let _ = write!(
        out,
        "seed {}; * best of its column; UNDER and OVER: mean share of the need that was missing, or too much",
        report.seed
    );
    out
}

fn head(out: &mut String, report: &Report, trace: &TraceReport, service: &str, row: &Row) {
    let span = |ms: u64| words::whole(ms.div_ceil(1000));
    let promise = row.objective.as_deref().unwrap_or("no objective");
    let _ = writeln!(out, "{service} on {}: {}", trace.name, promise);
    let requests = words::count(row.figures.requests);
    let _ =
        write!(out, "{requests} requests in {}, {}, {} mode", span(trace.duration_ms), minutes(row.figures.minutes), trace.mode);
    if trace.masked_ms > 0 {
        let _ = write!(out, "; {} of holes in the recording are not judged", span(trace.masked_ms));
    }
    if let Some(hours) = row.figures.optimum_replica_hours {
        let _ = write!(out, "; optimum {} replica-hours", words::amount(hours));
    }
    if let Some(currency) = &report.currency {
        let _ = write!(out, "; {currency}");
    }
    out.push('\n');
    for caveat in &trace.caveats {
        let _ = writeln!(out, "{} mode: {caveat}", trace.mode);
    }
    out.push('\n');
}

fn minutes(n: u64) -> String {
    format!("{} minute{} with arrivals", words::count(n as f64), if n == 1 { "" } else { "s" })
}

fn table(rows: &[&Row], columns: &[Column]) -> Table {
    let mut table = Table::new();
    let header = std::iter::once("POLICY".to_owned()).chain(columns.iter().map(|c| format!("{} ", c.header)));
    table.load_style(presets::NOTHING).set_header(header.collect::<Vec<_>>());
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if i > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let best: Vec<Option<String>> = columns.iter().map(|c| best(rows, c)).collect();
    for row in rows {
        let cells = columns.iter().zip(&best).map(|(column, best)| {
            let cell = (column.cell)(&row.figures);
            let mark = if best.as_ref() == Some(&cell) { '*' } else { ' ' };
            format!("{cell}{mark}")
        });
        table.add_row(std::iter::once(short(&row.policy)).chain(cells).collect::<Vec<_>>());
    }
    table
}

/// What the smallest of a column is shown as; none where all are shown alike.
fn best(rows: &[&Row], column: &Column) -> Option<String> {
    let rank = column.rank?;
    let value = |row: &&&Row| rank(&row.figures);
    let least =
        rows.iter().filter(|r| value(r).is_some()).min_by(|a, b| value(a).partial_cmp(&value(b)).unwrap_or(Ordering::Equal))?;
    let shown = (column.cell)(&least.figures);
    rows.iter().any(|r| (column.cell)(&r.figures) != shown).then_some(shown)
}

/// A name that fits.
pub fn short(name: &str) -> String {
    words::tail(name, NAME)
}
