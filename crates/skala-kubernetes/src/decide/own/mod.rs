//! Mode `default`: skala's own policy core.
//!
//! Decides: how an `Autoscaler` and what was seen of its target read as a policy and an observation.
//! Method: a metric of pods or objects becomes a signal with the target that autoscaling/v2 gives it; CPU and memory stay what
//!   they are, with the pods' mean request.
//! Tested: `tests/it`.

mod ceilings;
mod observe;
mod policy;
mod signal;
mod verdict;

pub(crate) use ceilings::{by_budget, by_downstream};
pub(crate) use observe::{Scene, observation};
pub(crate) use policy::policy;
pub(crate) use signal::{Signal, signal_name, signal_value};
pub(crate) use verdict::verdict;
