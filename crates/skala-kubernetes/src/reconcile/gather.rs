//! Reading the metrics and triggers of one autoscaler.

use serde::Deserialize;
use skala_hpa::{MetricSpec, Reading};
use skala_spec::model::Source;
use skala_types::{Sampled, Time};

use super::look::Selected;
use super::{Reconciler, Runtime, Subject};
use crate::decide::own::{Signal, signal_name, signal_value};
use crate::decide::readings;
use crate::objects::Spec;
use crate::objects::spec::{Trigger, fill};
use crate::sources::Measured;

impl Reconciler {
    /// One reading per metric, and the time of those that carry one.
    pub(super) async fn readings(&self, subject: &Subject<'_>, spec: &Spec, of: &Selected) -> (Vec<Reading>, Vec<Option<Time>>) {
        let mut all = Vec::with_capacity(spec.hpa.metrics.len());
        let mut times = Vec::with_capacity(spec.hpa.metrics.len());
        for (metric, query) in spec.hpa.metrics.iter().zip(&spec.selectors) {
            let (reading, at) = self.reading(subject, spec, metric, query, of).await;
            all.push(reading);
            times.push(at);
        }
        (all, times)
    }

    async fn reading(
        &self,
        subject: &Subject<'_>,
        spec: &Spec,
        metric: &MetricSpec,
        query: &str,
        of: &Selected,
    ) -> (Reading, Option<Time>) {
        let failed = |error: std::sync::Arc<str>| (Reading::Failed(error.to_string()), None);
        let namespace = &subject.key.namespace;
        match metric {
            MetricSpec::Resource { name, .. } | MetricSpec::ContainerResource { name, .. } => {
                let container = match metric {
                    MetricSpec::ContainerResource { container, .. } => Some(container.as_str()),
                    _ => None,
                };
                let lacking_fails = spec.compat.unwrap_or_default().quirks().container_sample_missing_fails;
                let wanted = readings::Wanted { resource: name, container, lacking_fails };
                match self.samples.pods(namespace).await {
                    Ok(samples) => (readings::resource(&of.pods, &of.selector, &samples, wanted), None),
                    Err(error) => failed(error),
                }
            }
            MetricSpec::Pods { metric, .. } => {
                match self.samples.of_pods(namespace, &of.selector.to_string(), &metric.name, query).await {
                    Ok(values) => (readings::of_pods(&of.pods, &values, subject.now), None),
                    Err(error) => failed(error),
                }
            }
            MetricSpec::Object { metric, described, .. } => {
                match self.samples.of_object(namespace, described, &metric.name, query).await {
                    Ok(values) => (readings::of_object(&values), values.first().and_then(|v| v.timestamp).map(|t| t.0)),
                    Err(error) => failed(error),
                }
            }
            MetricSpec::External { metric, .. } => match self.samples.external(namespace, &metric.name, query).await {
                Ok(values) => (readings::external(&values), values.iter().filter_map(|v| v.timestamp).min().map(|t| t.0)),
                Err(error) => failed(error),
            },
            MetricSpec::Unknown { kind } => (Reading::Failed(format!("unknown metric source type {kind:?}")), None),
        }
    }

    /// Notes the metrics that are signals to the core.
    pub(super) fn notice_signals(
        &self,
        spec: &Spec,
        readings: &[Reading],
        times: &[Option<Time>],
        now: Time,
        runtime: &mut Runtime,
    ) {
        let metrics: Vec<String> = spec.hpa.metrics.iter().filter_map(signal_name).collect();
        runtime.signals.retain(|name, _| metrics.contains(name) || spec.triggers.iter().any(|t| t.name == *name));
        for ((metric, reading), at) in spec.hpa.metrics.iter().zip(readings).zip(times) {
            if let Some(name) = signal_name(metric) {
                note(runtime.signals.entry(name).or_default(), signal_value(metric, reading, *at, now).map(|v| (v, None)));
            }
        }
    }

    /// Reads the triggers, all at once.
    pub(super) async fn read_triggers(&self, subject: &Subject<'_>, spec: &Spec, runtime: &mut Runtime) {
        let reads = spec.triggers.iter().map(|trigger| self.read_trigger(subject, spec, trigger));
        let values = futures_util::future::join_all(reads).await;
        for (trigger, value) in spec.triggers.iter().zip(values) {
            note(runtime.signals.entry(trigger.name.clone()).or_default(), value);
        }
    }

    async fn read_trigger(&self, subject: &Subject<'_>, spec: &Spec, trigger: &Trigger) -> Result<Measure, String> {
        let mut values = std::collections::BTreeMap::new();
        for secret in &spec.secrets {
            let at = &secret.secret_key_ref;
            let value = self.secrets.value(&subject.key.namespace, &at.name, &at.key).await;
            values.insert(secret.name.as_str(), value);
        }
        let missing = std::cell::RefCell::new(None);
        let filled = fill(&trigger.source, &|name| match values.get(name)? {
            Ok(value) => Some(value.to_string()),
            Err(error) => {
                missing.borrow_mut().get_or_insert_with(|| error.to_string());
                None
            }
        });
        // Errors of the grammar could quote the value; they were all found before secrets were filled in, but for its shape.
        let source = match filled {
            Ok(filled) => Source::deserialize(filled).map_err(|_| "a secret does not fit where it is used".to_owned())?,
            Err(error) => return Err(missing.take().unwrap_or(error)),
        };
        let at = (self.wall)();
        let owner = format!("{}/{}", subject.key, trigger.name);
        let limit = source.timeout() + std::time::Duration::from_secs(1);
        match tokio::time::timeout(limit, self.sources.read(&owner, &source)).await {
            Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(Measured { value, activity })) if value.is_finite() && value >= 0.0 => Ok((Sampled::new(at, value), activity)),
            Ok(Ok(Measured { value, .. })) => Err(format!("a value of {value} is no size of anything")),
        }
    }
}

/// A number, and what its activation is compared with where that is another one.
type Measure = (Sampled<f64>, Option<f64>);

fn note(signal: &mut Signal, value: Result<Measure, String>) {
    match value {
        Ok((value, activity)) => *signal = Signal { last: Some(value), activity, error: None, failures: 0 },
        Err(error) => {
            signal.error = Some(crate::api::bounded(&error));
            signal.failures = signal.failures.saturating_add(1);
        }
    }
}
