//! Checks of `vertical`.

use std::time::Duration;

use skala_autoscaler::Formula;
use skala_autoscaler::vertical::{Signal, conflicts};

use super::{Scaling, range};
use crate::lower::vertical_resources;
use crate::model::{Measure, ResourceList, Vertical, VerticalMode, VerticalResource};
use crate::problem::Text;
use crate::scalar::Percent;
use crate::semantic::Cx;

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let Some(vertical) = &scaling.of.vertical else { return };
    let at = scaling.field("vertical");
    if vertical.mode != VerticalMode::Off {
        axes(scaling, vertical, &at, cx);
    }
    for (i, resource) in vertical.resources.iter().enumerate() {
        if vertical.resources[..i].contains(resource) {
            let text = Text::new(format!("`{}` is here twice", word(*resource))).fix("keep one");
            cx.report("E0504", &format!("{at}.resources[{i}]"), text);
        }
    }
    bounds(vertical, &at, cx);
    range("halfLife", vertical.half_life, Duration::from_secs(3600)..=Duration::from_secs(30 * 86_400), &at, cx);
    let percents = [
        ("margin", vertical.margin, 0, 1000),
        ("cpuPercentile", vertical.cpu_percentile, 1, 100),
        ("memoryPercentile", vertical.memory_percentile, 1, 100),
    ];
    for (key, value, low, high) in percents {
        if value < Percent::whole(low) || value > Percent::whole(high) {
            let text = Text::new("the percentage is out of range").fix(format!("use {low}% to {high}%"));
            cx.report("E0516", &format!("{at}.{key}"), text);
        }
    }
}

/// Two axes on one signal: more CPU per replica lowers the metric, which takes replicas away, which raises the use of each.
fn axes(scaling: &Scaling<'_>, vertical: &Vertical, at: &str, cx: &mut Cx<'_>) {
    let mut signals: Vec<(Signal, String)> = Vec::new();
    for (i, metric) in &scaling.metrics {
        let signal = match metric.measure {
            Measure::Cpu(_) => Signal::Cpu,
            Measure::Memory(_) => Signal::Memory,
            _ => continue,
        };
        signals.push((signal, format!("{}[{i}]", scaling.field("metrics"))));
    }
    let formula = scaling.of.formula.as_ref().and_then(|f| Formula::parse(&f.expression).ok());
    for name in formula.iter().flat_map(|f| f.names().to_vec()) {
        let signal = match &*name {
            "cpu" => Signal::Cpu,
            "memory" => Signal::Memory,
            _ => continue,
        };
        signals.push((signal, scaling.field("formula")));
    }
    let horizontal: Vec<Signal> = signals.iter().map(|(signal, _)| *signal).collect();
    for conflict in conflicts(vertical_resources(vertical), &horizontal) {
        let (name, other) = if conflict.signal == Signal::Cpu { ("cpu", "memory") } else { ("memory", "cpu") };
        let shown = signals.get(conflict.metric).map_or(String::new(), |(_, path)| cx.shown(path).to_owned());
        let text = Text::new(format!("{name} scales this service both ways"))
            .because(format!(
                "{shown} adds replicas by it, and this changes each replica's share of it: they would chase each other"
            ))
            .fix(format!("keep one: `resources: [{other}]` here, or a metric such as `concurrency` there"));
        cx.report("E0517", &format!("{at}.resources"), text);
    }
}

fn bounds(vertical: &Vertical, at: &str, cx: &mut Cx<'_>) {
    let (ResourceList { cpu: min_cpu, memory: min_memory }, max) = (&vertical.min_allowed, &vertical.max_allowed);
    let above = [
        ("cpu", min_cpu.zip(max.cpu).is_some_and(|(min, max)| min > max)),
        ("memory", min_memory.zip(max.memory).is_some_and(|(min, max)| min > max)),
    ];
    for (key, _) in above.into_iter().filter(|(_, wrong)| *wrong) {
        let text = Text::new("`minAllowed` is above `maxAllowed`").fix("lower the one or raise the other");
        cx.report("E0516", &format!("{at}.minAllowed.{key}"), text);
    }
}

fn word(resource: VerticalResource) -> &'static str {
    match resource {
        VerticalResource::Cpu => "cpu",
        VerticalResource::Memory => "memory",
    }
}
