//! `mode: knative`: the settings of Knative's autoscaler.

use skala_autoscaler::knative::{Config, ConfigSpec, Metric, Repairs};
use skala_autoscaler::{MetricEntry, MetricSpec};
use skala_types::Rps;

use crate::model::{Autoscaling, KnativeMetric, Service};

pub(super) fn config(service: &Service, a: &Autoscaling) -> ConfigSpec {
    let k = a.knative.clone().unwrap_or_default();
    ConfigSpec {
        metric: match k.metric {
            KnativeMetric::Concurrency => Metric::Concurrency,
            KnativeMetric::Rps => Metric::Rps,
        },
        target: k.target,
        container_concurrency: service.concurrency.unwrap_or(0),
        target_utilization_percentage: k.utilization.percent(),
        stable_window: k.stable_window.get(),
        panic_window_percentage: k.panic_window.percent(),
        panic_threshold_percentage: k.panic_threshold.percent(),
        max_scale_up_rate: k.max_scale_up_rate,
        max_scale_down_rate: k.max_scale_down_rate,
        min_scale: a.min_replicas,
        max_scale: a.max_replicas,
        initial_scale: k.initial_scale,
        activation_scale: k.activation_scale,
        scale_down_delay: k.scale_down_delay.get(),
        target_burst_capacity: k.burst_capacity as f64,
        enable_scale_to_zero: a.min_replicas == 0,
        scale_to_zero_grace_period: k.scale_to_zero_grace.get(),
        scale_to_zero_pod_retention_period: k.pod_retention.get(),
        // A replica that is not ready by then is stopped and started again.
        progress_deadline: service.readiness.start_timeout.get(),
        repairs: Repairs { cold_start_queue: k.repairs.cold_start_queue, keep_starting: k.repairs.keep_starting },
        ..ConfigSpec::default()
    }
}

/// What a policy of the default mode would go by instead: the same metric with the same target.
pub(super) fn nearest(service: &Service, a: &Autoscaling) -> Vec<MetricEntry> {
    let Ok(config) = Config::try_new(config(service, a)) else { return Vec::new() };
    let target = config.target();
    let what = match config.spec().metric {
        Metric::Concurrency => MetricSpec::Concurrency { target },
        Metric::Rps => MetricSpec::RequestsPerSecond { target: Rps(target) },
    };
    vec![what.into()]
}
