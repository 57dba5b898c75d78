//! Takes recorded decisions again and compares them byte for byte.
//!
//! Method: each decision is planned from its recorded observation, policy and time; its state is the recorded one where there
//!   is one, else what the previous decision left. A difference means that the decision code has changed since.
//! Tested: `tests/replay.rs`.

use serde::Serialize;
use skala_autoscaler::{Observation, Policy, State, plan};
use skala_types::{ServiceName, Time};

use crate::journal::{Decision, JournalError, Reader};
use crate::managed::{Decided, to_json};

/// Most differences that are kept in full.
const MAX_SHOWN: usize = 20;

/// A decision that would be taken differently today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// When it was taken.
    pub at: Time,
    /// What was decided (JSON).
    pub recorded: String,
    /// What the present code decides (JSON).
    pub replayed: String,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// Decisions taken again.
    pub decisions: u64,
    /// Decisions passed over because the state before them is not known.
    pub skipped: u64,
    /// Decisions that differ.
    pub different: u64,
    /// The first twenty of them.
    pub differences: Vec<Difference>,
}

/// Replays the decisions about a service since `from`.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read or understood.
pub fn replay(reader: &Reader, service: &ServiceName, from: Time) -> Result<Replay, JournalError> {
    let mut result = Replay::default();
    let mut state: Option<State> = None;
    let mut policy: Option<(i64, Policy)> = None;
    reader.decisions(service, from, |d| {
        if let Some(recorded) = &d.state {
            state = Some(parse(recorded, "state", &d)?);
        }
        let Some(before) = state.take() else {
            result.skipped += 1;
            return Ok(());
        };
        if policy.as_ref().is_none_or(|(id, _)| *id != d.policy) {
            policy = Some((d.policy, parse(&reader.policy(d.policy)?, "policy", &d)?));
        }
        let (_, policy) = policy.as_ref().expect("just set");
        let observation: Observation = parse(&d.observation, "observation", &d)?;
        let again = plan(policy, &before, &observation, d.at);
        let replayed = to_json(&Decided::of(&again));
        state = Some(again.state);
        result.decisions += 1;
        if replayed != d.plan {
            result.different += 1;
            if result.differences.len() < MAX_SHOWN {
                result.differences.push(Difference { at: d.at, recorded: d.plan, replayed });
            }
        }
        Ok(())
    })?;
    Ok(result)
}

fn parse<T: serde::de::DeserializeOwned>(json: &str, what: &str, d: &Decision) -> Result<T, JournalError> {
    serde_json::from_str(json).map_err(|e| JournalError::Corrupt(format!("the {what} of {} at {}: {e}", d.service, d.at)))
}
