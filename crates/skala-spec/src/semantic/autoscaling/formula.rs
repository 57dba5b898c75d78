//! Checks of `formula`, and of metrics that are there for it alone.

use super::Scaling;
use crate::model::Measure;
use crate::problem::Text;
use crate::semantic::Cx;
use crate::suggest::{list, nearest};

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let at = scaling.field("formula");
    if cx.broken(&at) {
        return;
    }
    let names = scaling.of.formula.as_ref().map(|formula| names(&formula.expression)).unwrap_or_default();
    for (i, metric) in &scaling.metrics {
        let Measure::Outside(outside) = &metric.measure else { continue };
        if outside.target.is_none() && !names.contains(&outside.name.as_str()) {
            let text = Text::new(format!("nothing reads `{}`", outside.name))
                .because("it is for the formula alone, and the formula does not name it")
                .fix("name it in `formula`, or give it a `target`");
            cx.report("E0520", &format!("{}[{i}]", scaling.field("metrics")), text);
        }
    }
    let Some(formula) = &scaling.of.formula else { return };
    match (formula.target, formula.target_total) {
        (None, None) => {
            let text = Text::new("this formula has no target")
                .fix("add `target:` (each replica's share) or `targetTotal:` (the result itself)");
            cx.report("E0514", &at, text);
        }
        (Some(_), Some(_)) => {
            let text = Text::new("`target` and `targetTotal` are both given").fix("keep one");
            cx.report("E0514", &format!("{at}.targetTotal"), text);
        }
        (Some(target), None) | (None, Some(target)) => {
            if formula.scale_down_target.is_some_and(|down| down > target) {
                let text = Text::new("`scaleDownTarget` is above the target")
                    .fix("lower it: between the two the service keeps its size");
                cx.report("E0514", &format!("{at}.scaleDownTarget"), text);
            }
        }
    }
    unknown(scaling, &names, &at, cx);
}

fn unknown(scaling: &Scaling<'_>, names: &[&str], at: &str, cx: &mut Cx<'_>) {
    if cx.broken(&scaling.field("metrics")) {
        return;
    }
    let known = scaling.metrics.iter().filter_map(|(_, m)| match &m.measure {
        Measure::Outside(outside) => Some(outside.name.as_str()),
        _ => None,
    });
    let known: Vec<&str> = known.collect();
    for name in names.iter().filter(|name| !known.contains(name)) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "a formula is over metrics from outside: give one this `name`".to_owned(),
            None => format!("the metrics from outside are {}", list(known.iter().copied())),
        };
        let text = Text::new(format!("there is no metric `{name}` from outside")).fix(help);
        cx.report("E0514", &format!("{at}.expression"), text);
    }
}

/// The names in a formula: words that no parenthesis follows.
fn names(expression: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let tail = &rest[start..];
        let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(tail.len());
        if !tail[end..].trim_start().starts_with('(') && !names.contains(&&tail[..end]) {
            names.push(&tail[..end]);
        }
        rest = &tail[end..];
    }
    names
}
