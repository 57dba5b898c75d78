//! One autoscaler's decision, made from what was read.
//!
//! Decides: nothing by itself; hands what was seen to the pure core of the autoscaler's mode.

pub(crate) mod hpa;
pub(crate) mod own;
pub(crate) mod readings;

use std::sync::Arc;

use serde_json::Value;
use skala_manifests::decide::{Amounts, PodView, Role};

use crate::objects::KeptPod;

/// A pod of the target.
pub(crate) struct Seen {
    pub(crate) name: Arc<str>,
    pub(crate) pod: Arc<KeptPod>,
}

impl PodView for Seen {
    fn name(&self) -> &str {
        &self.name
    }

    fn whole(&self) -> Option<&dyn Amounts> {
        Some(&self.pod.whole)
    }

    fn containers(&self) -> impl Iterator<Item = (Role, &str, &dyn Amounts)> {
        self.pod.containers.iter().map(|(role, name, requests)| (*role, &**name, requests as &dyn Amounts))
    }
}

/// A condition that a decision sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Says {
    pub(crate) kind: &'static str,
    pub(crate) holds: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// An event that a decision causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tells {
    pub(crate) warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// What came out, whichever core it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) current: Option<i32>,
    pub(crate) desired: Option<i32>,
    pub(crate) why: String,
    pub(crate) conditions: Vec<Says>,
    pub(crate) removes_scaled_to_zero: bool,
    pub(crate) events: Vec<Tells>,
    pub(crate) metrics: Vec<Value>,
    /// Proposals by metric name, for `/metrics`.
    pub(crate) proposals: Vec<(String, Option<u32>)>,
}

impl Verdict {
    /// The size to write, if it is to change.
    pub(crate) fn rescale(&self) -> Option<(i32, i32)> {
        self.current.zip(self.desired).filter(|(current, desired)| current != desired)
    }
}
