//! The three metrics APIs and what they hold.
//!
//! Decides: what `metrics.k8s.io`, `custom.metrics.k8s.io` and `external.metrics.k8s.io` answer.
//! Inputs: what a test put; the pods that there are; the real clock, unless a test froze it.
//! Method: usage belongs to pods by name or by label selector; the first fitting entry wins, the newest first. Every
//!   sample carries the time of the answer, as from a metrics server that has just scraped, unless frozen or given.
//! Tested: `tests/kubernetes/server.rs`.

mod answer;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::held;

/// One of the metrics APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsApi {
    /// `metrics.k8s.io`: CPU and memory of pods and nodes.
    Resource,
    /// `custom.metrics.k8s.io`: metrics that describe an object.
    Custom,
    /// `external.metrics.k8s.io`: metrics of nothing in the cluster.
    External,
}

/// How a metrics API answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// As it should.
    #[default]
    Served,
    /// It isn't registered: not in discovery, 404.
    Missing,
    /// It is registered, but nothing stands behind it: 503, as the aggregator answers.
    Unavailable,
}

/// The usage of one container.
#[derive(Clone, Debug)]
struct Usage {
    container: String,
    cpu: Option<String>,
    memory: Option<String>,
}

/// Whose usage it is.
#[derive(Clone, Debug, PartialEq)]
enum Whose {
    Pod(String),
    Selected(String),
}

#[derive(Clone, Debug)]
struct PodUsage {
    namespace: String,
    whose: Whose,
    containers: Vec<Usage>,
    at: Option<Timestamp>,
}

/// A sample of a custom metric.
#[derive(Clone, Debug)]
pub struct CustomMetric {
    /// Empty for objects that lie in none.
    pub namespace: String,
    /// `pods`, `ingresses.networking.k8s.io`.
    pub resource: String,
    /// The object that it describes.
    pub name: String,
    /// The metric.
    pub metric: String,
    /// What a metric selector looks at.
    pub labels: BTreeMap<String, String>,
    /// A quantity: `150`, `1500m`.
    pub value: String,
    /// When it was measured; without it, when it is asked for.
    pub at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct External {
    namespace: String,
    metric: String,
    labels: BTreeMap<String, String>,
    value: String,
    at: Option<Timestamp>,
}

#[derive(Default)]
struct Held {
    availability: BTreeMap<MetricsApi, Availability>,
    frozen: Option<Timestamp>,
    pods: Vec<PodUsage>,
    custom: Vec<CustomMetric>,
    external: Vec<External>,
}

/// What the metrics APIs answer.
#[derive(Default)]
pub struct Metrics {
    held: Mutex<Held>,
}

impl Metrics {
    /// Gives a pod's container this usage, in quantities (`120m`, `64Mi`); an empty one leaves the resource out.
    pub fn set_pod(&self, namespace: &str, pod: &str, container: &str, cpu: &str, memory: &str) {
        self.set_usage(namespace, Whose::Pod(pod.to_owned()), container, cpu, memory, None);
    }

    /// The same with the time at which it was measured.
    pub fn set_pod_at(&self, namespace: &str, pod: &str, container: &str, cpu: &str, memory: &str, at: Timestamp) {
        self.set_usage(namespace, Whose::Pod(pod.to_owned()), container, cpu, memory, Some(at));
    }

    /// Gives this usage to the container of every running pod that the label selector selects, now and later.
    pub fn set_pods(&self, namespace: &str, selector: &str, container: &str, cpu: &str, memory: &str) {
        self.set_usage(namespace, Whose::Selected(selector.to_owned()), container, cpu, memory, None);
    }

    fn set_usage(&self, namespace: &str, whose: Whose, container: &str, cpu: &str, memory: &str, at: Option<Timestamp>) {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let usage = Usage { container: container.to_owned(), cpu: given(cpu), memory: given(memory) };
        let mut held = held(&self.held);
        match held.pods.iter_mut().find(|p| p.namespace == namespace && p.whose == whose) {
            Some(known) => {
                known.at = at;
                known.containers.retain(|c| c.container != container);
                known.containers.push(usage);
            }
            None => held.pods.push(PodUsage { namespace: namespace.to_owned(), whose, containers: vec![usage], at }),
        }
    }

    /// Forgets what was given for a pod by name.
    pub fn remove_pod(&self, namespace: &str, pod: &str) {
        held(&self.held).pods.retain(|p| p.namespace != namespace || p.whose != Whose::Pod(pod.to_owned()));
    }

    /// Puts a sample of a custom metric, in the place of an older one of the same object, metric and labels.
    pub fn set_custom(&self, sample: CustomMetric) {
        let mut held = held(&self.held);
        let same = |c: &CustomMetric| {
            (&c.namespace, &c.resource, &c.name, &c.metric, &c.labels)
                == (&sample.namespace, &sample.resource, &sample.name, &sample.metric, &sample.labels)
        };
        held.custom.retain(|c| !same(c));
        held.custom.push(sample);
    }

    /// Puts a custom metric of a pod.
    pub fn set_pod_metric(&self, namespace: &str, pod: &str, metric: &str, value: &str) {
        self.set_object(namespace, "pods", pod, metric, value);
    }

    /// Puts a custom metric of an object of this resource (`pods`, `ingresses.networking.k8s.io`).
    pub fn set_object(&self, namespace: &str, resource: &str, name: &str, metric: &str, value: &str) {
        self.set_custom(CustomMetric {
            namespace: namespace.to_owned(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            metric: metric.to_owned(),
            labels: BTreeMap::new(),
            value: value.to_owned(),
            at: None,
        });
    }

    /// Puts a sample of an external metric, in the place of an older one with the same labels.
    pub fn set_external(&self, namespace: &str, metric: &str, labels: &[(&str, &str)], value: &str) {
        self.put_external(namespace, metric, labels, value, None);
    }

    /// The same with the time at which it was measured.
    pub fn set_external_at(&self, namespace: &str, metric: &str, labels: &[(&str, &str)], value: &str, at: Timestamp) {
        self.put_external(namespace, metric, labels, value, Some(at));
    }

    fn put_external(&self, namespace: &str, metric: &str, labels: &[(&str, &str)], value: &str, at: Option<Timestamp>) {
        let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut held = held(&self.held);
        held.external.retain(|e| e.namespace != namespace || e.metric != metric || e.labels != labels);
        let (namespace, metric) = (namespace.to_owned(), metric.to_owned());
        held.external.push(External { namespace, metric, labels, value: value.to_owned(), at });
    }

    /// Forgets every sample of every API.
    pub fn clear(&self) {
        let mut held = held(&self.held);
        (held.pods, held.custom, held.external) = Default::default();
    }

    /// Says how an API answers from now on.
    pub fn set_availability(&self, api: MetricsApi, availability: Availability) {
        held(&self.held).availability.insert(api, availability);
    }

    /// Freezes the time of every sample without one of its own, as a metrics server that has stopped scraping.
    pub fn freeze(&self) {
        held(&self.held).frozen = Some(Timestamp::now());
    }

    /// Freezes the time of every sample without one of its own to `age` ago.
    pub fn freeze_at_age(&self, age: Duration) {
        held(&self.held).frozen = Timestamp::now().checked_sub(age).ok();
    }

    /// Lets time go on.
    pub fn thaw(&self) {
        held(&self.held).frozen = None;
    }

    pub(crate) fn availability(&self, api: MetricsApi) -> Availability {
        held(&self.held).availability.get(&api).copied().unwrap_or_default()
    }
}

impl MetricsApi {
    /// Every one.
    pub(crate) const ALL: [MetricsApi; 3] = [MetricsApi::Resource, MetricsApi::Custom, MetricsApi::External];

    /// The API group.
    pub(crate) fn group(self) -> &'static str {
        match self {
            MetricsApi::Resource => "metrics.k8s.io",
            MetricsApi::Custom => "custom.metrics.k8s.io",
            MetricsApi::External => "external.metrics.k8s.io",
        }
    }

    /// The versions, the preferred one first.
    pub(crate) fn versions(self) -> &'static [&'static str] {
        match self {
            MetricsApi::Custom => &["v1beta2", "v1beta1"],
            MetricsApi::Resource | MetricsApi::External => &["v1beta1"],
        }
    }

    pub(crate) fn of_group(group: &str) -> Option<MetricsApi> {
        MetricsApi::ALL.into_iter().find(|api| api.group() == group)
    }
}
