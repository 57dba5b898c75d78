//! Readings of pods: samples, requests, and custom values.
//!
//! Decides: which pods belong to the target, what each used, and what each requests.
//! Units: milli; each container's amount is rounded up on its own, then summed, as upstream does.
//! Method: A sample is the sum over the pod's containers, and absent when one of them lacks the resource. Requests are summed over
//!   containers and sidecars; requests of the whole pod replace the sum.
//! Invariants: a negative amount, one out of range, or two samples of one pod fail the metric; nothing is guessed.
//! Tested: `tests/it/decide.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use skala_hpa::{Phase, PodReadings, Reading, ReadyCondition, ReadyStatus, Requests, Sample};
use skala_types::Time;

use super::Document;
use super::request::{Amounts, PodView, Role, add, request};
use crate::object::metrics::ContainerUsage;
use crate::object::{Container, MetricValue, Pod, PodMetrics};
use crate::{QuantityError, Selector};

/// The target's pods, and which other pods are known not to be its.
pub struct Pods<'a> {
    /// Those that the selector matches, in the document's order.
    pub selected: Vec<&'a Pod>,
    /// As decisions take them.
    pub lean: Vec<skala_hpa::Pod>,
    by_name: BTreeMap<&'a str, usize>,
    others: BTreeMap<&'a str, ()>,
    selector: Selector,
    namespace: &'a str,
}

impl<'a> Pods<'a> {
    /// Sorts the document's pods.
    ///
    /// # Errors
    /// The index of a pod that is there twice.
    pub fn new(document: &'a Document, namespace: &'a str, selector: Selector) -> Result<Pods<'a>, usize> {
        let mut pods = Pods {
            selected: Vec::new(),
            lean: Vec::new(),
            by_name: BTreeMap::new(),
            others: BTreeMap::new(),
            selector,
            namespace,
        };
        for (i, pod) in document.pods.iter().enumerate() {
            if elsewhere(&pod.metadata.namespace, namespace) {
                continue;
            }
            let name = &*pod.metadata.name;
            if pods.by_name.contains_key(name) || pods.others.contains_key(name) {
                return Err(i);
            }
            if pods.selector.matches(&pod.metadata.labels) {
                pods.by_name.insert(name, pods.selected.len());
                pods.selected.push(pod);
                pods.lean.push(lean(pod));
            } else {
                pods.others.insert(name, ());
            }
        }
        Ok(pods)
    }

    /// Where a sample of a pod belongs: to a selected pod, to a stranger, or nowhere.
    fn place(&self, namespace: &str, name: &str) -> Place {
        if elsewhere(namespace, self.namespace) || self.others.contains_key(name) {
            return Place::Nowhere;
        }
        self.by_name.get(name).map_or(Place::Stranger, |i| Place::Pod(*i))
    }

    /// Samples of a resource, of all containers or of one.
    pub fn resource(&self, metrics: &[PodMetrics], resource: &str, container: Option<&str>, lacking_fails: bool) -> Reading {
        let mut gathered = Gathered::new(self.selected.len());
        for pod in metrics {
            let name = &*pod.metadata.name;
            let labels = &pod.metadata.labels;
            // The API selects by label; metrics without labels can only be told by their names.
            let place = match self.place(&pod.metadata.namespace, name) {
                Place::Stranger if !labels.is_empty() && !self.selector.matches(labels) => Place::Nowhere,
                place => place,
            };
            if place == Place::Nowhere {
                continue;
            }
            gathered.answered = true;
            let value = match container {
                None => sum(&pod.containers, resource),
                Some(container) => match pod.containers.iter().find(|c| &*c.name == container) {
                    None if lacking_fails => {
                        let message = format!("container {container} not present in metrics for pod {}/{name}", self.namespace);
                        return Reading::Failed(message);
                    }
                    found => found.and_then(|c| c.usage.get(resource)).map(crate::Milli::usable).transpose(),
                },
            };
            let value = match value {
                Ok(Some(value)) => value,
                Ok(None) => continue,
                Err(error) => return Reading::Failed(format!("the {resource} usage of pod {name} cannot be used: {error}")),
            };
            let sample = Sample {
                value,
                timestamp: pod.timestamp.map_or(Time::ZERO, |t| t.0),
                window: pod.window.map_or(Duration::ZERO, |w| w.0),
            };
            if !gathered.add(place, sample) {
                return Reading::Failed(format!("there are two samples of pod {name}"));
            }
        }
        if !gathered.answered {
            return Reading::Failed("no metrics returned from resource metrics API".to_owned());
        }
        gathered.reading(self.requests(resource, container))
    }

    /// Samples of a custom metric of the pods.
    pub fn custom<'v>(&self, values: impl Iterator<Item = &'v MetricValue>) -> Reading {
        let mut gathered = Gathered::new(self.selected.len());
        for value in values {
            let name = &*value.described_object.name;
            let place = self.place(&value.described_object.namespace, name);
            if place == Place::Nowhere {
                continue;
            }
            gathered.answered = true;
            let milli = match value.value.positive_milli() {
                Ok(milli) => milli,
                Err(error) => return Reading::Failed(format!("the value of pod {name} cannot be used: {error}")),
            };
            let window = value.window_seconds.and_then(|s| u64::try_from(s).ok()).map_or(Duration::ZERO, Duration::from_secs);
            let sample = Sample { value: milli, timestamp: value.timestamp.map_or(Time::ZERO, |t| t.0), window };
            if !gathered.add(place, sample) {
                return Reading::Failed(format!("there are two values of pod {name}"));
            }
        }
        if !gathered.answered {
            return Reading::Failed("no metrics returned from custom metrics API".to_owned());
        }
        gathered.reading(Requests::default())
    }

    fn requests(&self, resource: &str, container: Option<&str>) -> Requests {
        let mut all = Vec::with_capacity(self.selected.len());
        for pod in &self.selected {
            match request(*pod, resource, container) {
                Ok(milli) => all.push(milli),
                Err(message) => return Requests::Missing(message),
            }
        }
        Requests::Milli(all)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pod(usize),
    Stranger,
    Nowhere,
}

struct Gathered {
    samples: Vec<Option<Sample>>,
    strangers: Vec<i64>,
    answered: bool,
}

impl Gathered {
    fn new(pods: usize) -> Gathered {
        Gathered { samples: vec![None; pods], strangers: Vec::new(), answered: false }
    }

    /// False when the pod already has one.
    fn add(&mut self, place: Place, sample: Sample) -> bool {
        match place {
            Place::Pod(i) => self.samples[i].replace(sample).is_none(),
            Place::Stranger => {
                self.strangers.push(sample.value);
                true
            }
            Place::Nowhere => true,
        }
    }

    fn reading(self, requests: Requests) -> Reading {
        Reading::Pods(PodReadings { samples: self.samples, strangers: self.strangers, requests })
    }
}

/// Whether an object names another namespace than the autoscaler's.
fn elsewhere(namespace: &str, own: &str) -> bool {
    !namespace.is_empty() && !own.is_empty() && namespace != own
}

fn sum(containers: &[ContainerUsage], resource: &str) -> Result<Option<i64>, QuantityError> {
    let mut total: Option<i64> = None;
    for container in containers {
        let Some(amount) = container.usage.get(resource) else { return Ok(None) };
        total = Some(add(total.unwrap_or(0), amount.usable()?)?);
    }
    Ok(total)
}

impl PodView for Pod {
    fn name(&self) -> &str {
        &self.metadata.name
    }

    fn whole(&self) -> Option<&dyn Amounts> {
        self.spec.resources.as_ref().map(|r| &r.requests as &dyn Amounts)
    }

    fn containers(&self) -> impl Iterator<Item = (Role, &str, &dyn Amounts)> {
        let main = self.spec.containers.iter().map(|c| (Role::Main, &*c.name, &c.resources.requests as &dyn Amounts));
        let role = |c: &Container| if c.is_sidecar() { Role::Sidecar } else { Role::Init };
        main.chain(self.spec.init_containers.iter().map(move |c| (role(c), &*c.name, &c.resources.requests as &dyn Amounts)))
    }
}

fn lean(pod: &Pod) -> skala_hpa::Pod {
    let ready = pod.status.ready().map(|condition| ReadyCondition {
        status: match &*condition.status {
            "True" => ReadyStatus::True,
            "False" => ReadyStatus::False,
            _ => ReadyStatus::Unknown,
        },
        last_transition: condition.last_transition_time.map_or(Time::ZERO, |t| t.0),
    });
    skala_hpa::Pod {
        deleted: pod.metadata.deletion_timestamp.is_some(),
        phase: match &*pod.status.phase {
            "Pending" => Phase::Pending,
            "Running" => Phase::Running,
            "Succeeded" => Phase::Succeeded,
            "Failed" => Phase::Failed,
            _ => Phase::Unknown,
        },
        ready,
        started_at: pod.status.start_time.map(|t| t.0),
    }
}
