//! Checks of `metrics`.

use std::time::Duration;

use super::{HOUR, Scaling, check_fallback, range};
use crate::model::TAKEN_METRIC_NAMES;
use crate::model::{Measure, Metric, MetricEntry, MetricProblem, Mode, Outside};
use crate::problem::Text;
use crate::scalar::{CpuTarget, Dur, MemoryTarget};
use crate::semantic::Cx;

/// Longest time between two looks: three of them fit into the longest age.
const QUARTER: Duration = Duration::from_secs(900);
/// Most metrics of a service.
const MOST: usize = 63;

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let (of, at) = (scaling.of, scaling.field("metrics"));
    let promised = of.mode == Mode::Default && scaling.service.promised_latency().is_some();
    let proposes = !of.metrics.is_empty()
        || of.formula.is_some()
        || !of.windows.is_empty()
        || of.mode == Mode::Knative
        || promised
        || scaling.has_queue();
    if !proposes && of.min_replicas < of.max_replicas && !cx.broken(&at) && !cx.broken(&scaling.field("formula")) {
        let text = Text::new("there is nothing to scale by").fix("add `metrics:`, such as `- concurrency: 20` or `- cpu: 70%`");
        cx.report("E0502", &scaling.at, text);
    }
    if of.metrics.len() > MOST {
        cx.report("E0503", &at, Text::new("these are too many metrics to decide by").fix(format!("keep {MOST} at most")));
    }
    let mut seen: Vec<String> = Vec::new();
    let mut unserved = 0;
    for (i, entry) in of.metrics.iter().enumerate() {
        let item = format!("{at}[{i}]");
        match entry.metric() {
            Ok(metric) => {
                twice(scaling, &metric.measure, &mut seen, &item, cx);
                needs(scaling, &metric.measure, &item, cx);
                options(scaling, entry, &metric, &item, cx);
            }
            // An entry that lost its metric to another problem was told already.
            Err(MetricProblem::Invalid(..)) if cx.broken(&item) => {}
            Err(MetricProblem::Invalid(message, help)) => cx.report("E0503", &item, Text::new(message).fix(help)),
            Err(MetricProblem::Unserved(reason, help)) => {
                unserved += 1;
                cx.report("W0501", &item, Text::new("this metric is left out").because(reason).fix(help));
            }
        }
    }
    if unserved > 0 && unserved == of.metrics.len() && !cx.broken(&at) {
        cx.report(
            "E0506",
            &at,
            Text::new("none of the metrics can be measured here").fix("add a short form, such as `- concurrency: 20`"),
        );
    }
}

fn twice(scaling: &Scaling<'_>, measure: &Measure, seen: &mut Vec<String>, item: &str, cx: &mut Cx<'_>) {
    let name = measure.name();
    let outside = matches!(measure, Measure::Outside(_));
    // A queue's numbers come under its name.
    if outside && scaling.queues.iter().any(|queue| **queue == name) {
        let text = Text::new(format!("`{name}` is the name of a queue")).because("decisions could not tell the two apart");
        cx.report("E0515", &format!("{item}.name"), text.fix(format!("give it another name, such as `{name}_outside`")));
    } else if outside && TAKEN_METRIC_NAMES.contains(&name.as_str()) {
        let text = Text::new(format!("`{name}` means something else in decisions and formulas"))
            .fix(format!("give it another name, such as `{name}_outside`"));
        cx.report("E0515", &format!("{item}.name"), text);
    } else if seen.contains(&name) {
        let (reason, fix) = if outside {
            ("decisions and formulas could not tell them apart", "give one of them another name")
        } else {
            ("the stricter of the two would always win", "keep one")
        };
        cx.report("E0504", item, Text::new(format!("`{name}` is here twice")).because(reason).fix(fix));
    }
    seen.push(name);
}

/// What a metric needs elsewhere in the service.
fn needs(scaling: &Scaling<'_>, measure: &Measure, item: &str, cx: &mut Cx<'_>) {
    let requests = &scaling.service.resources.requests;
    let missing = match measure {
        Measure::Cpu(CpuTarget::Utilization(_)) if requests.cpu.is_none() => Some(("cpu", "500m")),
        Measure::Memory(MemoryTarget::Utilization(_)) if requests.memory.is_none() => Some(("memory", "512Mi")),
        _ => None,
    };
    let service_at = scaling.at.trim_end_matches(".autoscaling");
    if let Some((key, example)) = missing.filter(|_| !cx.broken(&format!("{service_at}.resources"))) {
        let text = Text::new(format!("a percentage of {key} needs a request to be a percentage of"))
            .fix(format!("add `resources: {{requests: {{{key}: {example}}}}}` to the service"));
        cx.report("E0505", item, text);
    }
    if let (Measure::Concurrency(target), Some(limit)) = (measure, scaling.service.concurrency)
        && *target > f64::from(limit)
    {
        let text = Text::new(format!("the target of {target} is above `concurrency: {limit}`"))
            .because("requests wait before a replica is added")
            .fix(format!("use a target below {limit}"));
        cx.report("W0503", item, text);
    }
}

fn options(scaling: &Scaling<'_>, entry: &MetricEntry, metric: &Metric<'_>, item: &str, cx: &mut Cx<'_>) {
    if let Measure::Outside(outside) = &metric.measure {
        return from_outside(scaling, entry, outside, item, cx);
    }
    // Their options stand inside the short form.
    let inside = format!("{item}.{}", metric.measure.key());
    if let Some(stale_after) = metric.stale_after {
        range("staleAfter", Dur::from(stale_after), Duration::from_secs(1)..=HOUR, &inside, cx);
    }
}

fn from_outside(scaling: &Scaling<'_>, entry: &MetricEntry, outside: &Outside, item: &str, cx: &mut Cx<'_>) {
    if let Some(poll) = entry.poll {
        range("poll", poll, Duration::from_secs(1)..=QUARTER, item, cx);
    }
    if let Some(stale_after) = entry.stale_after {
        range("staleAfter", stale_after, outside.poll.clamp(Duration::from_secs(1), HOUR)..=HOUR, item, cx);
    }
    if let Some(fallback) = &entry.fallback {
        check_fallback(fallback, scaling.of.max_replicas, &format!("{item}.fallback"), cx);
    }
    for problem in outside.source.problems() {
        let code = if problem.fatal { "E0518" } else { "W0505" };
        cx.report(code, &format!("{item}.{}", problem.field), Text::new(problem.message).fix(problem.help));
    }
}
