//! The report for a pull request: what failed, and a table per trace.

use std::fmt::Write as _;

use super::figures::Figures;
use super::report::{Report, Row, TraceReport};
use super::words;

/// The summary. Names come from users: what would break a table is escaped.
pub fn render(report: &Report) -> String {
    let mut out = String::from("## skala simulate\n\n");
    let failed = report.conditions.iter().filter(|v| v.failed).count();
    let _ = match (report.conditions.len(), failed) {
        (0, _) => Ok(()),
        (all, 0) => writeln!(out, "**Passed**: {all} of {all} conditions hold their limits.\n"),
        (all, failed) => writeln!(out, "**Failed**: {failed} of {all} conditions crossed their limits.\n"),
    };
    conditions(&mut out, report);
    for trace in &report.traces {
        for service in trace.services() {
            rows(&mut out, report, trace, service);
        }
    }
    for remark in &report.remarks {
        let _ = writeln!(out, "- {}", escaped(remark));
    }
    let _ = writeln!(out, "\nSeed {}. What is simulated is what runs: the same decision code in virtual time.", report.seed);
    out
}

fn conditions(out: &mut String, report: &Report) {
    if report.conditions.is_empty() {
        return;
    }
    out.push_str("| | condition | figures | service | trace |\n|---|---|---|---|---|\n");
    for v in &report.conditions {
        let word = if v.failed { "**failed**" } else { "ok" };
        let cells = [&v.words, &v.service, &v.trace].map(|t| escaped(t));
        let condition = v.condition.replace('|', "\\|");
        let _ = writeln!(out, "| {word} | `{condition}` | {} | {} | {} |", cells[0], cells[1], cells[2]);
    }
    out.push('\n');
}

fn rows(out: &mut String, report: &Report, trace: &TraceReport, service: &str) {
    let rows: Vec<&Row> = trace.of(service).collect();
    let promise = rows.first().and_then(|r| r.objective.clone()).unwrap_or_else(|| "no objective".into());
    let _ = writeln!(out, "### {} on {}\n\n{}, {} mode\n", escaped(service), escaped(&trace.name), escaped(&promise), trace.mode);
    let currency = report.currency.as_deref().map(|c| format!(" ({c})")).unwrap_or_default();
    let _ = writeln!(
        out,
        "| policy | missed minutes | missed requests | refused | p95 | worst wait | replica-hours | over optimum | cost{currency} | scale actions |"
    );
    out.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    let base = rows.iter().find(|r| is_baseline(report, r)).map(|r| &r.figures);
    for row in &rows {
        let base = base.filter(|_| !is_baseline(report, row));
        let _ = writeln!(out, "| {} | {} |", escaped(&row.policy), cells(&row.figures, base).join(" | "));
    }
    out.push('\n');
}

fn is_baseline(report: &Report, row: &Row) -> bool {
    report.policies.iter().any(|p| p.baseline && p.name == row.policy)
}

fn cells(f: &Figures, base: Option<&Figures>) -> [String; 9] {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    // A change is told where there is something to change from.
    let against = |shown: String, of: fn(&Figures) -> Option<f64>| match (of(f), base.and_then(of)) {
        (Some(new), Some(old)) if old > 0.0 => format!("{shown} ({})", words::change(new / old - 1.0)),
        _ => shown,
    };
    [
        against(dash(f.missed_minutes.map(|n| words::count(n as f64))), |f| f.missed_minutes.map(|n| n as f64)),
        dash(f.missed_requests.map(words::share)),
        words::share(f.refused_share),
        against(dash(f.p95.map(words::seconds)), |f| f.p95),
        words::seconds(f.worst_wait),
        against(words::amount(f.replica_hours), |f| Some(f.replica_hours)),
        dash(f.over_optimum.map(words::change)),
        against(dash(f.cost.map(words::amount)), |f| f.cost),
        words::count(f.scale_actions as f64),
    ]
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '<' | '`' | '*' | '_' | '[' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
