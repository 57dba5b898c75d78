//! The answers of the three metrics APIs.
//!
//! Inputs: a request; what is held; the pods that are running.
//! Method: the API types of `k8s.io/metrics`; a metric that nobody has is 404, as adapters answer.
//! Tested: `tests/kubernetes/server.rs`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Availability, CustomMetric, Held, Metrics, MetricsApi, PodUsage, Whose};
use crate::kubernetes::api::Api;
use crate::kubernetes::handle::{Answer, Asked};
use crate::kubernetes::held;
use crate::kubernetes::kinds::Kind;
use crate::kubernetes::meta;
use crate::kubernetes::selectors::Labels;
use crate::kubernetes::status::Status;
use crate::kubernetes::store::{Entry, Key};
use crate::kubernetes::target::Target;

/// Seconds that a sample speaks for: metrics-server's default resolution.
const WINDOW: u32 = 15;

impl Metrics {
    /// Answers a request for metrics; `None` for anything else.
    pub(crate) fn answer(&self, api: &Api, asked: &Asked, target: &Target) -> Result<Option<Answer>, Status> {
        let Some(metrics) = MetricsApi::of_group(&target.group) else { return Ok(None) };
        match self.availability(metrics) {
            Availability::Served => {}
            Availability::Missing => return Err(Status::no_such_path()),
            Availability::Unavailable => return Err(Status::new(503, "ServiceUnavailable", "service unavailable")),
        }
        if !metrics.versions().contains(&target.version.as_str()) {
            return Err(Status::no_such_path());
        }
        if !matches!(target.verb, "get" | "list") {
            return Err(Status::method_not_allowed(target.verb, &target.group, &target.resource));
        }
        let held = held(&self.held);
        let value = match metrics {
            MetricsApi::Resource => held.resource(api, asked, target)?,
            MetricsApi::Custom => held.custom(api, asked, target)?,
            MetricsApi::External => held.external(asked, target)?,
        };
        Ok(Some(Answer::json(&value)))
    }

    /// What discovery tells of an API: name, kind, whether it lies in namespaces, verbs.
    pub(crate) fn rows(&self, api: MetricsApi) -> Vec<(String, &'static str, bool, &'static [&'static str])> {
        let held = held(&self.held);
        let mut rows = match api {
            MetricsApi::Resource => vec![("pods".to_owned(), "PodMetrics", true, &["get", "list"][..])],
            MetricsApi::Custom => {
                let row = |c: &CustomMetric| (format!("{}/{}", c.resource, c.metric), "MetricValueList", true, &["get"][..]);
                held.custom.iter().map(row).collect()
            }
            MetricsApi::External => {
                held.external.iter().map(|e| (e.metric.clone(), "ExternalMetricValueList", true, &["get"][..])).collect()
            }
        };
        rows.sort();
        rows.dedup();
        rows
    }
}

impl Held {
    fn time(&self, own: Option<Timestamp>) -> String {
        meta::seconds(own.or(self.frozen).unwrap_or_else(Timestamp::now))
    }

    fn resource(&self, api: &Api, asked: &Asked, target: &Target) -> Result<Value, Status> {
        if target.resource != "pods" {
            return Err(Status::no_such_path());
        }
        if !target.name.is_empty() {
            let key = Key::new(&target.namespace, &target.name);
            let pod = api.read(|state| state.store.get("pods", &key).cloned());
            let found = pod
                .and_then(|pod| self.pod(&pod))
                .ok_or_else(|| Status::not_found("metrics.k8s.io", "podmetrics", &target.name))?;
            return Ok(found);
        }
        let labels = Labels::parse(asked.query.get("labelSelector"))?;
        let fields = asked.query.get("fieldSelector");
        let name = fields.strip_prefix("metadata.name=");
        let wanted = |pod: &Entry| {
            (target.namespace.is_empty() || target.namespace == pod.key.namespace)
                && labels.select(&pod.indexed.labels)
                && name.is_none_or(|name| name == pod.key.name)
        };
        let items: Vec<Value> =
            api.read(|state| state.store.objects("pods").filter(|p| wanted(p)).filter_map(|p| self.pod(p)).collect());
        Ok(json!({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}))
    }

    /// The metrics of a pod. Usage by name is answered whatever the pod's state; usage by selector only of running pods.
    fn pod(&self, pod: &Entry) -> Option<Value> {
        let fits = |usage: &&PodUsage| {
            usage.namespace == pod.key.namespace
                && match &usage.whose {
                    Whose::Pod(name) => *name == pod.key.name,
                    Whose::Selected(selector) => {
                        pod.indexed.field("status.phase") == Some("Running")
                            && Labels::parse(selector).is_ok_and(|s| s.select(&pod.indexed.labels))
                    }
                }
        };
        let usage = self.pods.iter().rev().find(fits)?;
        let containers: Vec<Value> = usage
            .containers
            .iter()
            .map(|c| {
                let given = [("cpu", &c.cpu), ("memory", &c.memory)];
                let used: Map<String, Value> =
                    given.into_iter().filter_map(|(k, v)| Some((k.to_owned(), json!(v.as_ref()?)))).collect();
                json!({"name": c.container, "usage": used})
            })
            .collect();
        let time = self.time(usage.at);
        Some(json!({"kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {"name": pod.key.name, "namespace": pod.key.namespace, "creationTimestamp": time, "labels": pod.indexed.labels},
            "timestamp": time, "window": format!("{WINDOW}s"), "containers": containers}))
    }

    fn custom(&self, api: &Api, asked: &Asked, target: &Target) -> Result<Value, Status> {
        // `namespaces/NS/metrics/NAME` is about the namespace itself.
        let about_namespace = target.resource == "metrics" && target.subresource.is_empty();
        let (resource, name, metric) = match about_namespace {
            true => ("namespaces", target.namespace.as_str(), target.name.as_str()),
            false => (target.resource.as_str(), target.name.as_str(), target.subresource.as_str()),
        };
        if metric.is_empty() {
            return Err(Status::no_such_path());
        }
        let objects = Labels::parse(asked.query.get("labelSelector"))?;
        let series = Labels::parse(asked.query.get("metricLabelSelector"))?;
        let kind = api.read(|state| state.kinds.get(resource).cloned());
        let selected = |c: &CustomMetric| {
            let Some(kind) = &kind else { return objects.is_empty() };
            let key = if kind.namespaced { Key::new(&c.namespace, &c.name) } else { Key::new("", &c.name) };
            let entry = api.read(|state| state.store.get(&kind.key(), &key).cloned());
            // Metrics of what isn't there are not answered when objects are selected.
            objects.is_empty() || entry.is_some_and(|e| objects.select(&e.indexed.labels))
        };
        let found = self.custom.iter().filter(|c| {
            (c.resource == resource && c.metric == metric && (about_namespace || c.namespace == target.namespace))
                && (name == "*" || c.name == name)
                && series.select(&c.labels)
                && selected(c)
        });
        let selector = asked.query.get("metricLabelSelector");
        let items: Vec<Value> = found.map(|c| self.custom_item(c, kind.as_deref(), &target.version, selector)).collect();
        if items.is_empty() && name != "*" {
            let message = format!("the server could not find the metric {metric} for {resource} {name}");
            return Err(Status::new(404, "NotFound", message));
        }
        if items.is_empty() && !self.custom.iter().any(|c| c.resource == resource && c.metric == metric) {
            return Err(Status::new(404, "NotFound", format!("the server could not find the metric {metric} for {resource}")));
        }
        let version = format!("custom.metrics.k8s.io/{}", target.version);
        Ok(json!({"kind": "MetricValueList", "apiVersion": version, "metadata": {}, "items": items}))
    }

    fn custom_item(&self, sample: &CustomMetric, kind: Option<&Kind>, version: &str, selector: &str) -> Value {
        let (kind, api_version) =
            kind.map_or((sample.resource.clone(), String::new()), |k| (k.kind.clone(), k.api_version(&k.storage)));
        let mut described = json!({"kind": kind, "name": sample.name, "apiVersion": api_version});
        if !sample.namespace.is_empty() {
            described["namespace"] = json!(sample.namespace);
        }
        let labels: Value = if selector.is_empty() { Value::Null } else { json!({"matchLabels": sample.labels}) };
        let time = self.time(sample.at);
        if version == "v1beta1" {
            return json!({"describedObject": described, "metricName": sample.metric, "timestamp": time, "windowSeconds": 60,
                "value": sample.value, "selector": labels});
        }
        json!({"describedObject": described, "metric": {"name": sample.metric, "selector": labels}, "timestamp": time, "windowSeconds": 60,
            "value": sample.value})
    }

    fn external(&self, asked: &Asked, target: &Target) -> Result<Value, Status> {
        let labels = Labels::parse(asked.query.get("labelSelector"))?;
        let known = |e: &&super::External| e.namespace == target.namespace && e.metric == target.resource;
        if !self.external.iter().any(|e| known(&e)) {
            let message = format!("the server could not find the requested resource: no external metric {}", target.resource);
            return Err(Status::new(404, "NotFound", message));
        }
        let found = self.external.iter().filter(known).filter(|e| labels.select(&e.labels));
        let items: Vec<Value> = found
            .map(|e| json!({"metricName": e.metric, "metricLabels": e.labels, "timestamp": self.time(e.at), "window": null, "value": e.value}))
            .collect();
        let version = "external.metrics.k8s.io/v1beta1";
        Ok(json!({"kind": "ExternalMetricValueList", "apiVersion": version, "metadata": {}, "items": items}))
    }
}
