//! The status of an `Autoscaler`: what was decided and why, and the history that the next decision needs.
//!
//! Invariants: the status is bounded; a condition's transition time moves only with its status.
//! Tested: `tests` below.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use skala_autoscaler::budget::BudgetState;
use skala_hpa::{History, Recommendation, ScaleEvent};
use skala_types::Time;

use super::time;

/// Most entries of each log that are kept in the status.
const MOST_ENTRIES: usize = 64;

/// One condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) last_transition_time: Option<String>,
}

/// The whole status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    pub(crate) observed_generation: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current_replicas: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) desired_replicas: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_scale_time: Option<String>,
    pub(crate) why: String,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) current_metrics: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<SavedHistory>,
}

/// Logs as pairs of milliseconds since the epoch and replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SavedHistory {
    pub(crate) recommendations: Vec<(u64, i32)>,
    pub(crate) scale_ups: Vec<(u64, i32)>,
    pub(crate) scale_downs: Vec<(u64, i32)>,
    /// What the default mode remembers, opaque here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// What a budget's window has cost so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<BudgetState>,
    /// When this was true, in milliseconds since the epoch.
    pub(crate) at: u64,
}

/// What is kept of a status that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Saved {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) desired_replicas: Option<i32>,
    pub(crate) last_scale_time: Option<String>,
    pub(crate) history: Option<Box<SavedHistory>>,
}

impl Status {
    /// Reads what an earlier look left; what cannot be read counts as absent.
    pub(crate) fn saved(json: &Value) -> Saved {
        let status = Status::deserialize(json).unwrap_or_default();
        Saved {
            conditions: status.conditions,
            desired_replicas: status.desired_replicas,
            last_scale_time: status.last_scale_time,
            history: status.history.map(Box::new),
        }
    }

    /// Sets a condition, keeping its transition time unless its status changes.
    pub(crate) fn set(&mut self, kind: &str, status: &str, reason: &str, message: String, now: Time) {
        let old = self.conditions.iter().find(|c| c.kind == kind);
        let unmoved = old.filter(|c| c.status == status).and_then(|c| c.last_transition_time.clone());
        let condition = Condition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: crate::api::bounded(&message),
            last_transition_time: Some(unmoved.unwrap_or_else(|| time::seconds(now))),
        };
        match self.conditions.iter_mut().find(|c| c.kind == kind) {
            Some(slot) => *slot = condition,
            None => self.conditions.push(condition),
        }
    }

    pub(crate) fn remove(&mut self, kind: &str) {
        self.conditions.retain(|c| c.kind != kind);
    }
}

fn millis(time: Time) -> u64 {
    time.as_nanos() / 1_000_000
}

impl SavedHistory {
    /// Keeps what can still matter: a recommendation that newer ones outdo on both sides is in every window together with them.
    pub(crate) fn of(history: &History, now: Time) -> SavedHistory {
        let mut recommendations: Vec<(u64, i32)> = history.recommendations.iter().map(|r| (millis(r.at), r.replicas)).collect();
        recommendations.sort_unstable();
        let (mut low, mut high) = (i32::MAX, i32::MIN);
        let mut kept: Vec<(u64, i32)> = Vec::new();
        for &(at, replicas) in recommendations.iter().rev() {
            if replicas < low || replicas > high {
                kept.push((at, replicas));
            }
            (low, high) = (low.min(replicas), high.max(replicas));
        }
        kept.truncate(MOST_ENTRIES);
        kept.reverse();
        let events = |log: &[ScaleEvent]| {
            let mut all: Vec<(u64, i32)> = log.iter().map(|e| (millis(e.at), e.change)).collect();
            all.sort_unstable();
            // Joined, the oldest count longer, never shorter.
            while all.len() > MOST_ENTRIES {
                let oldest = all.remove(0);
                all[0].1 = all[0].1.saturating_add(oldest.1);
            }
            all
        };
        SavedHistory {
            recommendations: kept,
            scale_ups: events(&history.scale_ups),
            scale_downs: events(&history.scale_downs),
            state: None,
            budget: None,
            at: millis(now),
        }
    }

    /// The history for a controller that takes over at `now` with this size. What happened since it was saved is not known, so
    /// the present size counts as wanted until now: nothing shrinks for a full window.
    pub(crate) fn restore(&self, current: i32, now: Time) -> History {
        // A time in the future comes from a clock that was set back since; it must not hold the size for longer than now would.
        let at = |ms: u64| Time::from_millis(ms).min(now);
        let recommendation = |&(ms, replicas): &(u64, i32)| Recommendation { at: at(ms), replicas };
        let event = |&(ms, change): &(u64, i32)| ScaleEvent { at: at(ms), change: change.max(0) };
        let mut history = History {
            recommendations: self.recommendations.iter().take(MOST_ENTRIES).map(recommendation).collect(),
            scale_ups: self.scale_ups.iter().take(MOST_ENTRIES).map(event).collect(),
            scale_downs: self.scale_downs.iter().take(MOST_ENTRIES).map(event).collect(),
        };
        history.recommendations.push(Recommendation { at: now, replicas: current });
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::from_secs(secs)
    }

    #[test]
    fn a_transition_is_a_change_of_status() {
        let mut status = Status::default();
        status.set("AbleToScale", "True", "A", "a".into(), at(100));
        status.set("AbleToScale", "True", "B", "b".into(), at(200));
        assert_eq!(status.conditions[0].last_transition_time.as_deref(), Some("1970-01-01T00:01:40Z"));
        status.set("AbleToScale", "False", "C", "c".into(), at(300));
        assert_eq!(status.conditions[0].last_transition_time.as_deref(), Some("1970-01-01T00:05:00Z"));
        assert_eq!(status.conditions.len(), 1);
    }

    #[test]
    fn history_survives_in_little_space() {
        let recommend = |secs, replicas| Recommendation { at: at(secs), replicas };
        let history = History {
            recommendations: (0..1000)
                .map(|i| recommend(i, 5 + (i % 3) as i32))
                .chain([recommend(1000, 9), recommend(1001, 4)])
                .collect(),
            scale_ups: (0..1000).map(|i| ScaleEvent { at: at(i), change: 1 }).collect(),
            scale_downs: vec![],
        };
        let saved = SavedHistory::of(&history, at(1002));
        assert_eq!(saved.recommendations, [(1_000_000, 9), (1_001_000, 4)]);
        assert_eq!(saved.scale_ups.iter().map(|e| e.1).sum::<i32>(), 1000);
        let text = serde_json::to_string(&saved).unwrap();
        assert!(text.len() < 2000);
        let back: SavedHistory = serde_json::from_str(&text).unwrap();
        let restored = back.restore(7, at(1010));
        assert_eq!(restored.recommendations, [recommend(1000, 9), recommend(1001, 4), recommend(1010, 7)]);
    }

    #[test]
    fn a_history_from_the_future_or_from_nowhere() {
        let future =
            SavedHistory { recommendations: vec![(u64::MAX, 3)], scale_ups: vec![(5_000, -7)], ..SavedHistory::default() };
        let restored = future.restore(2, at(1));
        assert!(restored.recommendations.iter().all(|r| r.at <= at(1)));
        assert_eq!(restored.scale_ups, [ScaleEvent { at: at(1), change: 0 }]);
        assert_eq!(Status::saved(&serde_json::json!({"history": "x"})), Saved::default());
        assert_eq!(Status::saved(&Value::Null), Saved::default());
    }
}
