//! What a pod counts as for one metric.
//!
//! Decides: ready, unready, missing or ignored.
//! Inputs: the pod, its sample, whether the resource is cpu, the two start-up periods, `now`.
//! Method: `autoscaling/v2`, first match wins. Only cpu looks at readiness, because starting up burns cpu that load does not
//!   explain. `Ready=Unknown` is not False.
//! Tested: `tests/rows/pods.rs`, each edge.

use skala_types::Time;

use crate::{Phase, Pod, PodClass, Quirks, ReadyStatus, Sample, Settings};

pub(super) fn classify(
    pod: &Pod,
    sample: Option<&Sample>,
    cpu: bool,
    settings: &Settings,
    quirks: Quirks,
    now: Time,
) -> PodClass {
    let gone = pod.phase == Phase::Failed || (quirks.succeeded_is_ignored && pod.phase == Phase::Succeeded);
    if pod.deleted || gone {
        return PodClass::Ignored;
    }
    if pod.phase == Phase::Pending {
        return PodClass::Unready;
    }
    // Before any test of readiness: a pod that is not ready and has no sample is missing.
    let Some(sample) = sample else { return PodClass::Missing };
    if cpu && doubted(pod, sample, settings, now) { PodClass::Unready } else { PodClass::Ready }
}

/// Whether a cpu sample may be start-up instead of load.
fn doubted(pod: &Pod, sample: &Sample, settings: &Settings, now: Time) -> bool {
    let (Some(ready), Some(started)) = (pod.ready, pod.started_at) else { return true };
    let not_ready = ready.status == ReadyStatus::False;
    if started + settings.cpu_initialization_period > now {
        // The sample's window must lie wholly after the pod's last change of readiness.
        not_ready || sample.timestamp < ready.last_transition + sample.window
    } else {
        // It never became ready; one that was ready and later failed its probe counts as ready.
        not_ready && started + settings.initial_readiness_delay > ready.last_transition
    }
}
