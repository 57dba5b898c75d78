//! What a downstream has for the services.
//!
//! Decides: how much of a limit is left when what is kept back and what others use is taken off.
//! Inputs: the file's limit; live figures: `max_connections`, and the connections in `pg_stat_activity` that are not ours.
//! Method: subtraction. A live `max_connections` counts when it is lower than the file's: the server knows better, the file
//!   may want less. Figures that are too old are not used, and it is said.
//! Invariants: never more for the services than the file allows.
//! Tested: `super::tests` rows `live`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::Downstream;

/// Live figures older than this tell nothing about now.
const STALE: Duration = Duration::from_secs(120);

/// What a downstream was seen to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LiveUse {
    /// When it was read.
    pub at: Time,
    /// What others use, not the services of this platform: connections, or thousandths per minute.
    pub foreign: u64,
    /// The limit that the downstream itself states; none when it was not asked.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// Live figures by downstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Live(pub BTreeMap<String, LiveUse>);

/// A limit and what is taken off it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Available {
    /// What there is.
    pub limit: u64,
    /// Kept back by the file.
    pub reserved: u64,
    /// Used by others beyond what is kept back.
    pub foreign: u64,
    /// Age of the live figure in seconds; none without one.
    pub live_age_s: Option<u64>,
    /// There is a live figure, and it is too old to be used.
    pub stale: bool,
}

impl Available {
    /// What is left for the services.
    pub fn for_services(&self) -> u64 {
        self.limit.saturating_sub(self.reserved).saturating_sub(self.foreign)
    }
}

pub(super) fn by_file(downstream: &Downstream) -> Available {
    let (limit, reserved) = downstream.limit.amounts();
    Available { limit, reserved, foreign: 0, live_age_s: None, stale: false }
}

pub(super) fn with_live(downstream: &Downstream, live: &Live, now: Time) -> Available {
    let file = by_file(downstream);
    let Some(seen) = live.0.get(&downstream.name) else { return file };
    let age = now.since(seen.at);
    let available = Available { live_age_s: Some(age.as_secs()), stale: age > STALE, ..file };
    if available.stale {
        return available;
    }
    let limit = seen.limit.map_or(file.limit, |l| l.min(file.limit));
    // What is kept back is kept for them: only what exceeds it is taken from the services.
    Available { limit, foreign: seen.foreign.saturating_sub(file.reserved), ..available }
}
