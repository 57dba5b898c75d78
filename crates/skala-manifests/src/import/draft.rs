//! What was understood, between the manifests and what is written.
//!
//! Decides: nothing; the shapes that readers fill and writers print.

use std::rc::Rc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::note::Origin;
use crate::Quantity;

/// Names what is scaled.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub namespace: String,
    pub kind: String,
    pub name: String,
    pub api_version: String,
}

impl Target {
    /// Whether both mean one object, whatever version they are written in.
    pub(crate) fn is(&self, other: &Target) -> bool {
        (&self.namespace, &self.kind, &self.name) == (&other.namespace, &other.kind, &other.name)
    }
}

/// Whose rules decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Default,
    Hpa,
    Knative,
}

/// One horizontal autoscaler.
#[derive(Clone, Debug)]
pub(crate) struct Scaler {
    pub origin: Rc<Origin>,
    /// Its own name.
    pub name: String,
    pub target: Target,
    pub mode: Mode,
    pub min: i64,
    pub max: i64,
    pub idle: Option<i64>,
    pub metrics: Vec<Metric>,
    pub formula: Option<Formula>,
    pub windows: Vec<Window>,
    /// As in `autoscaling/v2`, checked.
    pub behavior: Option<Value>,
    /// Seconds.
    pub cooldown: Option<i64>,
    /// Seconds.
    pub initial_cooldown: Option<i64>,
    pub jump_to_idle: bool,
    pub fallback: Option<Map<String, Value>>,
    pub paused: bool,
    /// Size that a pause sets.
    pub paused_at: Option<i64>,
    /// Seconds between two looks.
    pub poll: Option<i64>,
    /// Knative's settings, as the platform file has them.
    pub knative: Map<String, Value>,
}

impl Scaler {
    pub(crate) fn new(origin: Rc<Origin>, name: &str, target: Target, mode: Mode) -> Scaler {
        Scaler {
            origin,
            name: name.to_owned(),
            target,
            mode,
            min: 1,
            max: 1,
            idle: None,
            metrics: Vec::new(),
            formula: None,
            windows: Vec::new(),
            behavior: None,
            cooldown: None,
            initial_cooldown: None,
            jump_to_idle: false,
            fallback: None,
            paused: false,
            paused_at: None,
            poll: None,
            knative: Map::new(),
        }
    }

    pub(crate) fn has_outside(&self) -> bool {
        self.metrics.iter().any(|m| matches!(m.what, What::Outside(_)))
    }
}

/// One metric, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub line: usize,
    pub field: String,
    /// As `autoscaling/v2` has it.
    pub v2: Option<Value>,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Cpu(Aim),
    Memory(Aim),
    /// Of one container.
    Container {
        name: String,
        memory: bool,
        aim: Aim,
    },
    /// Of each pod.
    Pods {
        name: String,
        each: Quantity,
    },
    /// From the cluster's metrics APIs.
    Api {
        kind: String,
        name: String,
    },
    Outside(Outside),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Aim {
    Percent(u32),
    Amount(Quantity),
}

/// A number that is read by skala itself.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    /// A good name, unique in its scaler.
    pub name: String,
    /// Key of the source.
    pub kind: &'static str,
    /// The source; texts are escaped, `${NAME}` stands for a variable.
    pub source: Map<String, Value>,
    pub goal: Goal,
    pub activation: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    Each(f64),
    Total(f64),
}

#[derive(Clone, Debug)]
pub(crate) struct Formula {
    pub expression: String,
    pub goal: Goal,
    pub activation: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub line: usize,
    pub field: String,
    pub name: String,
    pub start: String,
    pub end: String,
    pub timezone: String,
    pub min: i64,
}

/// A vertical autoscaler.
#[derive(Clone, Debug)]
pub(crate) struct Vertical {
    pub origin: Rc<Origin>,
    pub target: Target,
    pub mode: &'static str,
    pub policies: Vec<ContainerPolicy>,
}

/// What a vertical autoscaler says of one container, or of all (`*`).
#[derive(Clone, Debug)]
pub(crate) struct ContainerPolicy {
    pub line: usize,
    pub field: String,
    pub container: String,
    pub off: bool,
    pub resources: Option<Vec<String>>,
    pub min: Map<String, Value>,
    pub max: Map<String, Value>,
}

/// Something that runs.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub origin: Rc<Origin>,
    pub target: Target,
    pub replicas: Option<i64>,
    pub pod: Option<Pod>,
    /// Knative: requests at once.
    pub concurrency: Option<i64>,
    /// Knative: seconds per request.
    pub timeout: Option<i64>,
}

/// What of a pod becomes a replica.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pod {
    pub labels: Vec<(String, String)>,
    /// Where the container stands, and on which line its image.
    pub field: String,
    pub line: usize,
    /// The container that is taken.
    pub container: String,
    pub alone: bool,
    pub image: Option<String>,
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub working_dir: Option<String>,
    /// Escaped; `${NAME}` stands for a variable.
    pub env: IndexMap<String, String>,
    /// Plain values, for `$(NAME)` and for triggers.
    pub plain: Vec<(String, String)>,
    pub ports: Vec<(String, u16)>,
    pub resources: Map<String, Value>,
    pub readiness: Map<String, Value>,
    /// Seconds.
    pub drain: Option<i64>,
}

/// A Service of Kubernetes.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    pub origin: Rc<Origin>,
    pub namespace: String,
    pub name: String,
    pub selector: Vec<(String, String)>,
}

/// An environment variable that the output refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub name: String,
    /// Secret and key that it stands for.
    pub secret: Option<(String, String)>,
    /// A value of the shape that is wanted there, for trying the file out.
    pub sample: &'static str,
}
