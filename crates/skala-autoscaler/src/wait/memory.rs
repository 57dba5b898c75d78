//! What predicted wait has learned; part of the state, so that a restart forgets nothing.
//!
//! Decides: nothing; feeds each part once per moment.
//! Invariants: below 4 KB as JSON; the same moment twice changes nothing.
//! Tested: `tests/decisions`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::budget::Budget;
use super::growth::Growth;
use super::rate::Rate;
use super::work::Work;
use crate::{RecommendationLog, StationWindows};

/// The objective is judged minute by minute.
const MINUTE: Duration = Duration::from_secs(60);
/// Nothing shrinks before a whole minute was seen: the average that staffing goes by is full then. Someone who tries skala out must see
/// replicas go, too.
const FIRST_LOOK: Duration = MINUTE;

/// What predicted wait has learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitMemory {
    since: Time,
    at: Time,
    pub(crate) rate: Rate,
    pub(crate) growth: Growth,
    /// None before the first completion.
    pub(crate) work: Option<Work>,
    pub(crate) budget: Budget,
    /// What was needed, for as long as a replica is kept.
    pub(crate) needed: RecommendationLog,
}

impl WaitMemory {
    pub(crate) fn starting(now: Time, windows: &StationWindows) -> WaitMemory {
        WaitMemory {
            since: now,
            at: now,
            rate: Rate::starting(now, &windows.slow),
            growth: Growth::default(),
            work: Work::starting(now, &windows.slow),
            budget: Budget::starting(now),
            needed: RecommendationLog::default(),
        }
    }

    /// Whether it has looked for long enough to say what is not needed.
    pub(crate) fn knows(&self, now: Time) -> bool {
        now.since(self.since) >= FIRST_LOOK
    }

    /// Takes in one look.
    pub(crate) fn feed(&mut self, now: Time, windows: &StationWindows, horizon: Duration, objective: Duration) {
        if now <= self.at {
            return;
        }
        self.at = now;
        let StationWindows { fast, slow } = windows;
        self.rate.feed(now, fast, slow);
        match &mut self.work {
            Some(work) => work.feed(now, slow),
            None => self.work = Work::starting(now, slow),
        }
        self.budget.feed(now, fast, slow, objective);
        // A minute is missed as a whole: growth within it counts, however quick a start is.
        let horizon = horizon.max(MINUTE);
        self.growth.feed(now, self.rate.now(), self.rate.after(horizon), horizon);
    }
}
