//! Checks of one service's autoscaling.

mod formula;
mod knative;
mod metrics;
mod mode;
mod queues;
mod vertical;
mod windows;

use std::time::Duration;

use skala_types::ServiceName;

use super::Cx;
use crate::model::{Autoscaling, Fallback, Measure, Metric, Mode, Platform, Service};
use crate::problem::Text;
use crate::scalar::Dur;

/// Longest time of most settings: `autoscaling/v2`'s longest stabilization window.
const HOUR: Duration = Duration::from_secs(3600);
/// Longest cooldown and age.
const DAY: Duration = Duration::from_secs(86_400);

/// One service's autoscaling, and where it stands.
struct Scaling<'a> {
    /// `services.api.autoscaling`.
    at: String,
    service: &'a Service,
    of: &'a Autoscaling,
    /// The metrics that can be measured, with their positions.
    metrics: Vec<(usize, Metric<'a>)>,
    /// Whether a route leads to the service, or it works on a queue.
    routed: bool,
    /// Names of the file's queues.
    queues: Vec<&'a String>,
}

impl Scaling<'_> {
    fn field(&self, key: &str) -> String {
        format!("{}.{key}", self.at)
    }

    /// Whether a number from outside is among the metrics.
    fn has_outside(&self) -> bool {
        self.metrics.iter().any(|(_, metric)| matches!(metric.measure, Measure::Outside(_)))
    }

    /// Whether it scales by a number of a queue.
    fn has_queue(&self) -> bool {
        self.metrics.iter().any(|(_, metric)| matches!(metric.measure, Measure::Queue(_)))
            || self.service.works_on.iter().any(|works| works.tasks_per_replica.is_some())
    }
}

pub(super) fn check(
    platform: &Platform,
    (name, service): (&ServiceName, &Service),
    autoscaling: &Autoscaling,
    routed: bool,
    cx: &mut Cx<'_>,
) {
    let at = format!("services.{name}.autoscaling");
    let queues = platform.queues.keys().collect();
    let scaling = Scaling { at, service, of: autoscaling, metrics: autoscaling.metrics().collect(), routed, queues };
    mode::check(&scaling, cx);
    bounds(&scaling, cx);
    vertical::check(&scaling, cx);
    // Settings of another mode were refused as such.
    match autoscaling.mode {
        Mode::Default => {
            idle(&scaling, cx);
            metrics::check(&scaling, cx);
            queues::check(&scaling, cx);
            formula::check(&scaling, cx);
            windows::check(&scaling, cx);
        }
        Mode::Hpa => {
            metrics::check(&scaling, cx);
            queues::check(&scaling, cx);
        }
        Mode::Knative => knative::check(&scaling, cx),
    }
    refused(&scaling, cx);
}

fn bounds(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let Autoscaling { min_replicas: min, max_replicas: max, idle_replicas: idle, .. } = scaling.of;
    let min_at = scaling.field("minReplicas");
    if min > max && !cx.broken(&min_at) {
        let text =
            Text::new(format!("minReplicas {min} is above maxReplicas {max}")).fix("lower `minReplicas` or raise `maxReplicas`");
        cx.report("E0501", &min_at, text);
    }
    if (*min == 0 || *idle == Some(0))
        && !scaling.routed
        && !scaling.has_outside()
        && !scaling.has_queue()
        && !cx.broken("routes")
    {
        let text = Text::new("at zero replicas nothing can wake this service")
            .because("no route leads to it, it works on no queue and has no metric from outside, and those are what starts the first replica")
            .fix("add a route, a queue or such a metric, or use `minReplicas: 1`");
        cx.report("W0502", &min_at, text);
    }
}

/// What only the default mode has: idleness, tolerance that may be too large, fallback.
fn idle(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let Autoscaling { min_replicas: min, max_replicas: max, idle_replicas: idle, .. } = scaling.of;
    if idle.is_some_and(|idle| idle >= (*min).max(1)) && !cx.broken(&scaling.field("minReplicas")) {
        let text = Text::new("`idleReplicas` is not below `minReplicas`")
            .because("it is the size while nothing is active")
            .fix("lower it, or remove it");
        cx.report("E0510", &scaling.field("idleReplicas"), text);
    }
    if scaling.of.tolerance.as_f64() >= 1.0 {
        let text = Text::new("with this tolerance a service never shrinks").fix("use less than `100%`");
        cx.report("E0507", &scaling.field("tolerance"), text);
    }
    if let Some(fallback) = &scaling.of.fallback {
        check_fallback(fallback, *max, &scaling.field("fallback"), cx);
        if !scaling.has_outside() && !scaling.has_queue() && !cx.broken(&scaling.field("metrics")) {
            let text = Text::new("nothing can fall back")
                .because("no metric is read from outside or of a queue, and skala's own do not fail for good")
                .fix("remove `fallback`");
            cx.report("W0504", &scaling.field("fallback"), text);
        }
    }
    times(scaling, cx);
}

fn check_fallback(fallback: &Fallback, max: u32, at: &str, cx: &mut Cx<'_>) {
    if fallback.replicas > max {
        let text = Text::new(format!("{} replicas are more than maxReplicas {max}", fallback.replicas))
            .fix(format!("use {max} at most, or raise `maxReplicas`"));
        cx.report("E0511", &format!("{at}.replicas"), text);
    }
}

fn times(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    range("staleAfter", scaling.of.stale_after, Duration::from_secs(1)..=HOUR, &scaling.at, cx);
    range("initialCooldown", scaling.of.initial_cooldown, Duration::ZERO..=DAY, &scaling.at, cx);
    if let Some(cooldown) = scaling.of.cooldown {
        range("cooldown", cooldown, Duration::ZERO..=DAY, &scaling.at, cx);
    }
}

/// What the deciding crate refuses although every check above let it pass.
fn refused(scaling: &Scaling<'_>, cx: &mut Cx<'_>) {
    let service_at = scaling.at.trim_end_matches(".autoscaling");
    if cx.broken(service_at) || cx.has_errors(service_at) {
        return;
    }
    if scaling.of.mode != Mode::Default {
        if let Some(Err(words)) = scaling.service.scaler() {
            words.into_iter().for_each(|word| cx.report("E0521", &scaling.at, Text::new(word)));
        }
        return;
    }
    let lowered = crate::lower::lowered(scaling.service, scaling.of);
    let problems = skala_autoscaler::Policy::try_new(lowered.spec).err().unwrap_or_default();
    for problem in problems {
        let place = place(&problem.field, &lowered.positions);
        let at = if place.starts_with("resources.") { service_at } else { &scaling.at };
        cx.report("E0521", &format!("{at}.{place}"), Text::new(format!("this {}", problem.problem)));
    }
}

/// The field as the file has it: what has no proposal is not in the policy's list, and the formula is at its end.
fn place(field: &str, positions: &[Option<usize>]) -> String {
    let Some((index, rest)) = field.strip_prefix("metrics[").and_then(|rest| rest.split_once(']')) else {
        return field.to_owned();
    };
    match index.parse().ok().and_then(|i: usize| positions.get(i)) {
        Some(Some(position)) => format!("metrics[{position}]"),
        Some(None) => format!("formula.{}", rest.split('.').nth(2).unwrap_or_default()),
        None => "metrics".to_owned(),
    }
}

/// Reports a duration out of range.
fn range(key: &str, value: Dur, allowed: std::ops::RangeInclusive<Duration>, at: &str, cx: &mut Cx<'_>) {
    if !allowed.contains(&value.get()) {
        let (low, high) = (Dur::from(*allowed.start()), Dur::from(*allowed.end()));
        let text = Text::new("the duration is out of range").fix(format!("use {low} to {high}"));
        cx.report("E0512", &format!("{at}.{key}"), text);
    }
}
