//! Checks of `knative`.

use std::time::Duration;

use super::{HOUR, Scaling, range};
use crate::problem::Text;
use crate::scalar::Percent;
use crate::semantic::Cx;

pub(super) fn check(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    if let Some(works) = scaling.service.works_on.first() {
        let text = Text::new(format!("tasks of `{}` neither grow nor wake this service", works.queue))
            .because("Knative's algorithm sees requests alone")
            .fix("use `mode: default`");
        cx.report("W0812", &scaling.field("mode"), text);
    }
    let Some(knative) = &scaling.of.knative else { return };
    let at = scaling.field("knative");
    range("stableWindow", knative.stable_window, Duration::from_secs(6)..=HOUR, &at, cx);
    range("scaleDownDelay", knative.scale_down_delay, Duration::ZERO..=HOUR, &at, cx);
    range("podRetention", knative.pod_retention, Duration::ZERO..=HOUR, &at, cx);
    range("scaleToZeroGrace", knative.scale_to_zero_grace, Duration::from_millis(1)..=HOUR, &at, cx);
    for (key, value) in [("stableWindow", knative.stable_window), ("scaleDownDelay", knative.scale_down_delay)] {
        if value.get().subsec_nanos() != 0 {
            cx.report("E0512", &format!("{at}.{key}"), Text::new("Knative counts in whole seconds").fix("use whole seconds"));
        }
    }
    let percents = [
        ("utilization", knative.utilization, 1, 100),
        ("panicWindow", knative.panic_window, 1, 100),
        ("panicThreshold", knative.panic_threshold, 110, 1000),
    ];
    for (key, value, low, high) in percents {
        if value < Percent::whole(low) || value > Percent::whole(high) {
            let text = Text::new("the percentage is out of range").fix(format!("use {low}% to {high}%"));
            cx.report("E0519", &format!("{at}.{key}"), text);
        }
    }
    for (key, value) in [("initialScale", knative.initial_scale), ("activationScale", knative.activation_scale)] {
        if value > scaling.of.max_replicas {
            let text = Text::new(format!("{value} replicas are more than maxReplicas {}", scaling.of.max_replicas))
                .fix("lower it, or raise `maxReplicas`");
            cx.report("E0519", &format!("{at}.{key}"), text);
        }
    }
}
