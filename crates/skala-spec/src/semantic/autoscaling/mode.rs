//! Checks of `mode`: a setting of another mode would be ignored, so it is refused.

use super::Scaling;
use crate::lower::whole_percent;
use crate::model::{Measure, Mode};
use crate::problem::Text;
use crate::scalar::{CpuTarget, MemoryTarget};
use crate::semantic::Cx;

/// Settings that only some modes have.
const ONLY: [(&str, &[Mode]); 14] = [
    ("compat", &[Mode::Hpa]),
    ("knative", &[Mode::Knative]),
    ("repairs", &[Mode::Default]),
    ("idleReplicas", &[Mode::Default]),
    ("formula", &[Mode::Default]),
    ("windows", &[Mode::Default]),
    ("cooldown", &[Mode::Default]),
    ("initialCooldown", &[Mode::Default]),
    ("jumpToIdle", &[Mode::Default]),
    ("staleAfter", &[Mode::Default]),
    ("fallback", &[Mode::Default]),
    ("metrics", &[Mode::Default, Mode::Hpa]),
    ("behavior", &[Mode::Default, Mode::Hpa]),
    ("tolerance", &[Mode::Default, Mode::Hpa]),
];

/// Options of a metric that `autoscaling/v2` does not have.
const REPAIRED: [&str; 5] = ["scaleDownTarget", "behavior", "activation", "fallback", "onlyInFormula"];

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let mode = scaling.of.mode;
    if cx.broken(&scaling.field("mode")) {
        return;
    }
    for (key, modes) in ONLY {
        let path = scaling.field(key);
        if cx.present(&path) && !modes.contains(&mode) {
            let text = Text::new(format!("`{key}` has no meaning with `mode: {}`", word(mode)))
                .fix(format!("remove it, or use `mode: {}`", word(modes[0])));
            cx.report("E0508", &path, text);
        }
    }
    if mode == Mode::Hpa {
        hpa(scaling, cx);
    }
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Default => "default",
        Mode::Hpa => "hpa",
        Mode::Knative => "knative",
    }
}

/// What `autoscaling/v2` demands beyond the types.
fn hpa(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    if scaling.of.min_replicas == 0 && !scaling.has_outside() && !scaling.has_queue() && !cx.broken(&scaling.field("metrics")) {
        let text = Text::new("`autoscaling/v2` does not reach zero by these metrics")
            .because("it needs one from outside to wake up by")
            .fix("add one, or use `minReplicas: 1` or `mode: default`");
        cx.report("E0509", &scaling.field("minReplicas"), text);
    }
    for (i, metric) in &scaling.metrics {
        let item = format!("{}[{i}]", scaling.field("metrics"));
        if matches!(metric.measure, Measure::Latency(..)) {
            let text = Text::new("`autoscaling/v2` has no metric for latency")
                .fix("use another metric, such as `concurrency`, or `mode: default`");
            cx.report("E0509", &item, text);
        }
        if let Measure::Cpu(CpuTarget::Utilization(percent)) | Measure::Memory(MemoryTarget::Utilization(percent)) =
            metric.measure
            && whole_percent(percent).is_none()
        {
            let text = Text::new("`autoscaling/v2` counts in whole percents").fix("use whole percents, or `mode: default`");
            cx.report("E0509", &item, text);
        }
        let inside = format!("{item}.{}", metric.measure.key());
        let at = if matches!(metric.measure, Measure::Outside(_)) { &item } else { &inside };
        for option in REPAIRED {
            let path = format!("{at}.{option}");
            if cx.present(&path) {
                let text =
                    Text::new(format!("a metric of `autoscaling/v2` has no `{option}`")).fix("remove it, or use `mode: default`");
                cx.report("E0509", &path, text);
            }
        }
    }
}
