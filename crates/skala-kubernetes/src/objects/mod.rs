//! Kubernetes' objects, as far as the controller reads them.

pub(crate) mod autoscaler;
pub(crate) mod hpa;
pub(crate) mod intern;
pub(crate) mod metrics;
pub(crate) mod pod;
pub(crate) mod spec;
pub(crate) mod status;
pub(crate) mod time;

pub(crate) use autoscaler::{Autoscaler, KeptAutoscaler};
pub(crate) use hpa::{KeptHpa, WireHpa};
pub(crate) use metrics::PodSample;
pub(crate) use pod::{KeptPod, WirePod};
pub(crate) use spec::{Mode, Spec, TargetRef};
pub(crate) use status::{Saved, Status};
