//! Leaving zero and going to zero.
//!
//! Decides: whether a service that may have no replica has one.
//! Inputs: the station's windows and the replicas' requests in flight.
//! Method: from zero any arrival or waiting request gives one at once. To zero only without any request in the windows, and
//!   then through stabilization and policies as any other step. An idle replica always uses some CPU and memory; that alone
//!   does not keep the last one. A failed metric, or a station that does not report, does.
//! Tested: `tests/decisions` rows `zero`.

use skala_types::{StationSample, Time};

use super::combine::first_failed;
use super::{Case, Chain};
use crate::report::{Detail, Rule};
use crate::{Observation, Policy};

/// Whether anybody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Requests arrived, wait or are in service.
    Busy,
    /// None in either window.
    Idle,
    /// The station does not report.
    Unknown,
}

impl Traffic {
    pub(crate) fn of(observation: &Observation, policy: &Policy, now: Time) -> Traffic {
        if observation.replicas.iter().any(|r| r.in_flight > 0) {
            return Traffic::Busy;
        }
        match &observation.station {
            Some(windows) if now.since(windows.slow.at) <= policy.spec().stale_after => {
                if asked(&windows.slow) || asked(&windows.fast) { Traffic::Busy } else { Traffic::Idle }
            }
            _ => Traffic::Unknown,
        }
    }
}

/// Whether a window saw a request; a mean that is not a number counts as one.
fn asked(s: &StationSample) -> bool {
    let none = s.in_flight_mean <= 0.0 && s.waiting_mean <= 0.0;
    s.arrivals > 0 || s.refused > 0 || s.waiting > 0 || s.in_flight > 0 || !none
}

pub(super) fn zero(case: &Case<'_>, chain: &mut Chain<'_>) {
    if case.policy.min() > 0 {
        return;
    }
    match case.traffic {
        Traffic::Busy if chain.value == 0 && case.current == 0 => chain.clamp(Rule::Activation, 1, Detail::None),
        Traffic::Busy | Traffic::Unknown if chain.value == 0 && case.current > 0 => chain.clamp(Rule::Busy, 1, Detail::None),
        Traffic::Idle if chain.value == 1 && first_failed(case, chain.without).is_none() => {
            chain.clamp(Rule::Idle, 0, Detail::None);
        }
        _ => {}
    }
}
