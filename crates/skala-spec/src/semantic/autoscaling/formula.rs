//! Checks of `formula`, and of metrics that are there for it alone.

use skala_autoscaler::Formula;

use super::Scaling;
use crate::model::Measure;
use crate::problem::Text;
use crate::semantic::Cx;
use crate::suggest::{list, nearest};

/// Numbers of skala's own that a formula may name.
const OWN: [&str; 5] = ["replicas", "requestsPerSecond", "concurrency", "cpu", "memory"];

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let at = scaling.field("formula");
    if cx.broken(&at) {
        return;
    }
    let parsed = match scaling.of.formula.as_ref().map(|formula| Formula::parse(&formula.expression)).transpose() {
        Ok(parsed) => parsed,
        Err(wrong) => {
            let text = Text::new(format!("this is no formula: {wrong}")).fix("write it like `max(jobs, lag / 2)`");
            return cx.report("E0514", &format!("{at}.expression"), text);
        }
    };
    let names: Vec<&str> = parsed.iter().flat_map(Formula::names).map(|name| &**name).collect();
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
    let requests = &scaling.service.resources.requests;
    for name in names.iter().filter(|name| !known.contains(name)) {
        let text = match *name {
            "cpu" if requests.cpu.is_none() => share("cpu", "500m"),
            "memory" if requests.memory.is_none() => share("memory", "512Mi"),
            own if OWN.contains(&own) => continue,
            name => {
                let help = match nearest(name, known.iter().copied().chain(OWN)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => "give a metric from outside this `name`".to_owned(),
                    None => format!("the metrics from outside are {}", list(known.iter().copied())),
                };
                Text::new(format!("there is no metric `{name}` from outside")).fix(help)
            }
        };
        cx.report("E0514", &format!("{at}.expression"), text);
    }
}

/// In a formula, `cpu` and `memory` are shares of the request.
fn share(key: &str, example: &str) -> Text {
    Text::new(format!("`{key}` in a formula is a share of the request, and there is none"))
        .fix(format!("add `resources: {{requests: {{{key}: {example}}}}}` to the service"))
}
