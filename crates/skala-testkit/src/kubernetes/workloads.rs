//! A simulation of workloads.
use std::sync::Arc;
use std::time::Duration;

use super::api::Api;

/// How pods come and go.
#[derive(Clone, Copy, Debug)]
pub struct Workloads {
    /// From a pod's creation until its containers run.
    pub running_after: Duration,
    /// From a pod's creation until it is ready; at least `running_after`.
    pub ready_after: Duration,
    /// From a pod's deletion until it is gone, at most its grace period.
    pub gone_after: Duration,
}

impl Default for Workloads {
    fn default() -> Workloads {
        Workloads { running_after: Duration::ZERO, ready_after: Duration::ZERO, gone_after: Duration::ZERO }
    }
}

pub(crate) async fn run(_api: Arc<Api>, _workloads: Workloads) {}
