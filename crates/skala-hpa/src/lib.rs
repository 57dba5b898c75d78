//! Kubernetes' `autoscaling/v2`, exactly: one reconcile of a HorizontalPodAutoscaler as a pure function.
//!
//! Decides: how many replicas the target should have, and what the HPA's status, conditions and events say about it.
//! Inputs: an [`Input`]: settings, spec, scale, pods, one reading per metric, the history, and `now`; milli-units and seconds.
//! Method: kube-controller-manager's HPA controller, integer and float order included; a [`Compat`] picks the release.
//! Invariants: [`reconcile()`] is total and pure; a reading that is missing, negative or absurd never shrinks a target.
//! Tested: data rows in `tests/rows`, an independent oracle and properties in `tests/oracle`.

mod behavior;
mod compat;
mod explain;
mod history;
mod input;
mod math;
mod metric;
mod model;
mod normalize;
mod outcome;
mod reconcile;
mod settings;
mod trace;
mod validate;
mod zero;

pub use behavior::{Behavior, PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy};
pub use compat::{Compat, CompatError, Quirks, ZeroRule};
pub use history::{History, MAX_LOG, Recommendation, ScaleEvent};
pub use input::{Input, Phase, Pod, PodReadings, Reading, ReadyCondition, ReadyStatus, Requests, Sample, Scale, Selector};
pub use math::quantity_as_f64;
pub use model::{MetricId, MetricKind, MetricSpec, ObjectRef, Spec, Target, TargetKind};
pub use outcome::{Condition, ConditionStatus, ConditionType, Current, Event, MetricOutcome, Outcome, Severity, Warning};
pub use reconcile::reconcile;
pub use settings::Settings;
pub use trace::{Bound, Counts, Direction, MetricTrace, Pass, PodClass, PolicyLimit, Rule, Step, Tolerance, Trace, Verdict};
pub use validate::{SpecError, SpecProblem};
