//! The decision core: how many replicas a service should have, and why.
//!
//! Decides: how many replicas to start, which ones to drain, and which rule had the last word.
//! Inputs: a validated [`Policy`], the durable [`State`], one [`Observation`] and `now`; all are values, nothing is read.
//! Method: the Kubernetes `autoscaling/v2` algorithm (ready, missing and unready replicas; tolerance; stabilization; rate
//!   policies) with its known flaws repaired: samples have an age, noise is told from load, history survives a restart, and
//!   the replicas to remove are chosen here, by the least remaining work.
//! Invariants: [`plan()`] is total, pure and deterministic; the size stays within the bounds unless a person holds it elsewhere;
//!   a metric that fails never shrinks a service.
//! Tested: data rows, properties and seeded loads in `tests/decisions`; the parts of the state in their modules.

mod books;
pub mod budget;
pub mod ceilings;
pub mod coupling;
mod formula;
pub mod knative;
mod math;
mod metric;
mod modes;
mod observation;
mod plan;
mod policy;
mod report;
mod rules;
mod schedule;
mod spec;
mod state;
mod validate;
pub mod vertical;
mod victims;
mod wait;

pub use formula::{Formula, FormulaError, FormulaProblem};
pub use metric::{Failure, MetricReport, MetricResult, Reading, Why, Window};
pub use modes::{HpaMode, Mode};
pub use observation::{
    Ceiling, CeilingKind, Directive, Forecast, Observation, Phase, QueueObservation, ReplicaObservation, Rollout,
    SignalObservation, StationWindows,
};
pub use plan::{Action, Plan, Planned, plan, plan_into};
pub use policy::{InvalidPolicy, Policy};
pub use report::{
    Absent, Bounds, Change, Clamp, Counterfactual, Detail, Flapping, Held, Input, InputName, Outcome, Report, Rule, Unit,
};
pub use skala_types::Text;
pub use spec::{
    Behavior, CronWindow, Direction, Fallback, FallbackBehavior, MetricBehavior, MetricEntry, MetricName, MetricOptions,
    MetricSpec, PolicyKind, PolicySpec, Quantile, QueueTarget, Repairs, ResourceRequests, ResourceTarget, ScalingPolicy,
    ScalingRules, SelectPolicy, SignalTarget,
};
pub use state::{
    Average, LastScale, MetricLog, Recommendation, RecommendationLog, ScaleEvent, ScaleEvents, Startups, State, Turn,
};
pub use validate::{PolicyError, PolicyProblem};
pub use wait::{BudgetUse, Prediction, WaitMemory};

/// The most replicas that any policy or manual hold may ask for; a slip of the finger must not fork a machine to death.
pub const REPLICAS_CEILING: skala_types::Replicas = skala_types::Replicas(10_000);
