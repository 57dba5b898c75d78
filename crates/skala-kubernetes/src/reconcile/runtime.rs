//! What is remembered of one autoscaler between two looks.
//!
//! Invariants: bounded; what must survive a restart is in the status too.
//! Tested: `tests/it/resilience.rs`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use skala_autoscaler::budget::BudgetState;
use skala_autoscaler::{Rollout, State};
use skala_hpa::{History, Phase};
use skala_types::{Replicas, Time};

use crate::decide::Seen;
use crate::decide::own::Signal;
use crate::objects::status::SavedHistory;
use crate::objects::{KeptAutoscaler, Saved, Status};

/// A difference between wall clock and monotonic clock beyond which the wall clock was set.
const JUMP: Duration = Duration::from_secs(2);
/// How long after shrinking more pods than replicas are no sign of a rolling update.
const SHRINKING: Duration = Duration::from_secs(120);

/// One autoscaler's memory.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) uid: String,
    pub(crate) term: u64,
    /// The status as it was last written, or found.
    pub(crate) status: Status,
    pub(crate) written: Option<Instant>,
    pub(crate) history: Option<History>,
    pub(crate) signals: BTreeMap<String, Signal>,
    saved: Option<Box<SavedHistory>>,
    state: Option<State>,
    budget: Option<BudgetState>,
    clock: Option<(Time, Instant)>,
    shrunk: Option<Instant>,
    last_look: Option<Time>,
}

impl Runtime {
    pub(crate) fn new(object: &KeptAutoscaler, term: u64) -> Runtime {
        let Saved { conditions, desired_replicas, last_scale_time, history } = object.saved.clone();
        let status = Status { conditions, desired_replicas, last_scale_time, ..Status::default() };
        Runtime {
            uid: object.uid.clone(),
            term,
            status,
            written: None,
            history: None,
            signals: BTreeMap::new(),
            saved: history,
            state: None,
            budget: None,
            clock: None,
            shrunk: None,
            last_look: None,
        }
    }

    /// Moves what is remembered along when the wall clock was set, so that windows keep their length.
    pub(crate) fn follow_clock(&mut self, now: Time) {
        let instant = Instant::now();
        if let Some((wall, at)) = self.clock {
            let expected = wall + instant.duration_since(at);
            let (ahead, behind) = (now.since(expected), expected.since(now));
            if ahead.max(behind) > JUMP {
                tracing::warn!(?ahead, ?behind, "the wall clock was set; histories move along");
                let moved = |t: Time| if ahead > behind { t + ahead } else { t.minus(behind) };
                if let Some(history) = &mut self.history {
                    history.recommendations.iter_mut().for_each(|r| r.at = moved(r.at));
                    history.scale_ups.iter_mut().chain(&mut history.scale_downs).for_each(|e| e.at = moved(e.at));
                }
                // The core's own logs cannot be moved: nothing shrinks for a window instead, as after a restart.
                self.state = self.state.take().map(|state| state.resume(now));
            }
        }
        self.clock = Some((now, instant));
    }

    /// Takes the history over that the status holds, once.
    pub(crate) fn restore_history(&mut self, current: Option<i32>, now: Time) {
        if let (None, Some(current), Some(saved)) = (&self.history, current, &self.saved) {
            self.history = Some(saved.restore(current, now));
        }
    }

    /// The core's state: kept, else from the status, else new.
    pub(crate) fn state(&mut self, now: Time) -> &State {
        let saved = &self.saved;
        self.state.get_or_insert_with(|| {
            let read = saved.as_ref().and_then(|s| serde_json::from_str::<State>(s.state.as_ref()?).ok());
            read.map_or_else(State::new, |state| state.resume(now))
        })
    }

    pub(crate) fn set_state(&mut self, state: State) {
        self.state = Some(state);
    }

    /// What was spent: kept, else from the status, else nothing yet.
    pub(crate) fn budget(&mut self) -> &mut BudgetState {
        let saved = &self.saved;
        self.budget.get_or_insert_with(|| saved.as_ref().and_then(|s| s.budget.clone()).unwrap_or_default())
    }

    /// The history as the status keeps it.
    pub(crate) fn save(&self, now: Time) -> Option<SavedHistory> {
        let mut saved = match (&self.history, &self.state) {
            (None, None) => return self.saved.as_deref().cloned(),
            (Some(history), _) => SavedHistory::of(history, now),
            (None, Some(_)) => SavedHistory::of(&History::default(), now),
        };
        // Beyond this the object would grow for little use; the next leader then waits for one window.
        let text = self.state.as_ref().and_then(|s| serde_json::to_string(s).ok());
        saved.state = text.filter(|text| text.len() <= 32 * 1024);
        saved.budget = self.budget.clone();
        Some(saved)
    }

    pub(crate) fn scaled_to_zero(&self) -> Option<bool> {
        self.status.conditions.iter().find(|c| c.kind == "ScaledToZero").map(|c| c.status == "True")
    }

    pub(crate) fn scaled(&mut self, now: Time, from: Option<i32>, to: i32) {
        self.status.last_scale_time = Some(crate::objects::time::seconds(now));
        if from.is_some_and(|from| to < from) {
            self.shrunk = Some(Instant::now());
        }
    }

    /// A rolling update: more living pods than replicas, though nothing has shrunk lately.
    pub(crate) fn rollout(&self, pods: &[Seen], current: i32) -> Option<Rollout> {
        let gone = |p: &Seen| p.pod.pod.deleted || matches!(p.pod.pod.phase, Phase::Failed | Phase::Succeeded);
        let living = pods.iter().filter(|p| !gone(p)).count();
        let surge = living.saturating_sub(usize::try_from(current).unwrap_or(0));
        let quiet = self.shrunk.is_none_or(|at| at.elapsed() > SHRINKING);
        (surge > 0 && quiet).then(|| Rollout { surge: Replicas(u32::try_from(surge).unwrap_or(u32::MAX)) })
    }

    /// Start-up times of pods that became ready since the last look.
    pub(crate) fn learn_startups(&mut self, state: &mut State, pods: &[Seen], now: Time) {
        if let Some(last) = self.last_look {
            for pod in pods.iter().filter(|p| p.pod.is_serving()) {
                if let (Some(started), Some(ready)) = (pod.pod.pod.started_at, pod.pod.pod.ready)
                    && ready.last_transition > last
                    && started > last.minus(Duration::from_secs(3600))
                {
                    state.observe_startup(ready.last_transition.since(started));
                }
            }
        }
        self.last_look = Some(now);
    }
}
