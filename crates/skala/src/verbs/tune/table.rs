//! The result for people, within 110 columns.

use std::fmt::Write as _;

use skala_sim::tune::{Effect, Goal, Verdict};

use super::report::{PartReport, Report, ServiceReport};
use crate::show;
use crate::verbs::simulate::words;

/// Most trades that are shown.
const FRONT: usize = 8;

/// The whole report; the diff comes last.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for service in &report.services {
        one(&mut out, report, service);
    }
    for remark in &report.remarks {
        let _ = writeln!(out, "remark: {remark}");
    }
    let _ = writeln!(out, "seed {}; {}", report.seed, goal(report));
    if report.interrupted {
        out += "interrupted: this is the best so far, judged in fluid mode\n";
    }
    if let Some(diff) = &report.diff {
        let _ = write!(out, "\n{diff}");
    }
    for block in &report.paste {
        let _ = write!(
            out,
            "\nThe file cannot be edited in place here (an anchor, or an overlay of another kind). To paste:\n\n{block}"
        );
    }
    out.truncate(out.trim_end().len());
    out
}

fn goal(report: &Report) -> String {
    let missed = report.limits.missed_share.map(|s| format!(", or {} of all", words::share(s))).unwrap_or_default();
    let cost = report.limits.extra_cost.map(|s| format!("{} the cost", words::change(s)));
    match report.goal {
        Goal::Cost => format!("goal: least cost with no more missed minutes than now{missed}"),
        Goal::Objective => {
            format!("goal: fewest missed minutes at {}", cost.unwrap_or_else(|| "no more cost than now".to_owned()))
        }
        Goal::Balanced => format!(
            "goal: least product of cost and missed minutes, with no more missed minutes than now{missed} and at most {}",
            cost.unwrap_or_else(|| "twice the cost".to_owned())
        ),
    }
}

fn one(out: &mut String, report: &Report, service: &ServiceReport) {
    let _ = writeln!(out, "{} on {}: {}", service.service, report.trace, service.objective);
    let part = |p: &PartReport| format!("{} in {} mode", words::whole(p.length_ms / 1000), p.mode);
    let _ = writeln!(
        out,
        "{} settings tried on the first {}; judged on the other {}\n",
        service.evaluations,
        part(&report.searched),
        part(&report.held_back)
    );
    let changed: Vec<_> = service.settings.iter().filter(|s| s.found.is_some()).collect();
    if !changed.is_empty() {
        let mut table = show::table(&["SETTING", "NOW", "FOUND", "SEARCHED"], &[]);
        for setting in &changed {
            let found = setting.found.as_ref().map(skala_sim::tune::Value::yaml).unwrap_or_default();
            let [least, most] = &setting.range;
            table.add_row([setting.name.clone(), short(&setting.now), found, format!("{} to {}", short(least), short(most))]);
        }
        let _ = writeln!(out, "{table}\n");
    }
    effects(out, report, service);
    let _ = writeln!(out, "{}\n", verdict(report, service));
    if service.front.len() > 1 {
        front(out, report, service);
    }
}

/// A value that fits a column.
fn short(text: &str) -> String {
    match text.chars().count() {
        n if n > 40 => format!("{}…", text.chars().take(39).collect::<String>()),
        _ => text.to_owned(),
    }
}

fn paid(report: &Report) -> String {
    report.currency.as_ref().map_or_else(|| "REPLICA-H".to_owned(), |c| format!("COST {c}"))
}

fn effects(out: &mut String, report: &Report, service: &ServiceReport) {
    let paid = paid(report);
    let header = ["", "", "MISSED MIN", "OF ALL", "MISSED REQ", paid.as_str(), "CHANGE", "ACTIONS"];
    let mut table = show::table(&header, &[2, 3, 4, 5, 6, 7]);
    let nothing = service.verdict == Verdict::NothingBetter;
    for (name, pair) in [("searched", service.searched), ("held back", service.held_back)] {
        let rows = [("now", pair.now), ("found", pair.found)];
        for (i, (whose, e)) in rows.into_iter().enumerate().take(if nothing { 1 } else { 2 }) {
            let change = if i > 0 { change(&pair.now, &e) } else { String::new() };
            table.add_row([
                if i == 0 { name } else { "" }.to_owned(),
                whose.to_owned(),
                words::count(e.missed_minutes as f64),
                words::share(e.missed_minutes as f64 / (e.minutes as f64).max(1.0)),
                words::share(e.missed_requests),
                words::amount(e.paid()),
                change,
                words::count(e.scale_actions as f64),
            ]);
        }
    }
    let _ = writeln!(out, "{table}\n");
}

fn change(now: &Effect, found: &Effect) -> String {
    if now.paid() > 0.0 { words::change(found.paid() / now.paid() - 1.0) } else { String::new() }
}

fn verdict(report: &Report, service: &ServiceReport) -> String {
    let pair = service.held_back;
    let misses = format!("{} missed minutes instead of {}", pair.found.missed_minutes, pair.now.missed_minutes);
    let price = match change(&pair.now, &pair.found) {
        change if change.is_empty() => String::new(),
        change => format!(" at {change} cost"),
    };
    match service.verdict {
        Verdict::Better if report.written => format!("Written: {misses}{price} on what was held back."),
        Verdict::Better => format!("Recommended: {misses}{price} on what was held back."),
        Verdict::Overfitted => format!(
            "Not recommended, because it is overfitted: it is better where it was searched, but {misses}{price} on what was held back is no gain by this goal. A longer trace, or another goal, may help."
        ),
        Verdict::NothingBetter => "Nothing better was found: the file stays as it is.".to_owned(),
    }
}

fn front(out: &mut String, report: &Report, service: &ServiceReport) {
    let paid = paid(report);
    let mut table = show::table(&["TRADE", "MISSED MIN", paid.as_str(), "SETTINGS"], &[1, 2]);
    // Evenly along the front, its ends included.
    let last = service.front.len() - 1;
    let shown = service.front.len().min(FRONT);
    for i in 0..shown {
        let point = &service.front[i * last / (shown - 1)];
        let settings = match point.settings.is_empty() {
            true => "as it is".to_owned(),
            false => short_settings(&point.settings),
        };
        let place = if i == 0 {
            "cheapest"
        } else if i + 1 == shown {
            "fewest missed"
        } else {
            ""
        };
        let e = point.effect;
        table.add_row([place.to_owned(), words::count(e.missed_minutes as f64), words::amount(e.paid()), settings]);
    }
    let _ = writeln!(out, "{table}\n(on the part that was searched; {} trades in -o json)\n", service.front.len());
}

fn short_settings(settings: &[String]) -> String {
    let text: Vec<String> = settings.iter().map(|s| short(s)).collect();
    let shown = text.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
    if text.len() > 2 { format!("{shown}, {} more", text.len() - 2) } else { shown }
}
