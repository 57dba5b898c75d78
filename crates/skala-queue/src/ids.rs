//! Names of tasks, queues and leases, and the two clocks that tasks live by.
//!
//! Units: a task's id is 42 bits of milliseconds since 2020 and 22 bits that count; ids grow with time, so a store appends.
//! Invariants: ids and fences of one store never come twice, across restarts and leaders.
//! Tested: `tests` below.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use skala_types::Time;
use thiserror::Error;

/// Digits of an id as text: without `i`, `l`, `o`, `u` (Crockford's base 32).
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// What each byte is worth as a digit; others are 32.
const WORTH: [u8; 256] = {
    let mut worth = [32; 256];
    let mut at = 0;
    while at < DIGITS.len() {
        worth[DIGITS[at] as usize] = at as u8;
        at += 1;
    }
    worth
};
/// Characters of an id as text.
const LENGTH: usize = 13;

/// A task's name: 13 characters of base 32 as text, such as `01hm5k2v7q8r0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// A text that is no task id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not a task id of 13 characters such as 01hm5k2v7q8r0")]
pub struct ParseTaskIdError;

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; LENGTH];
        for (at, digit) in text.iter_mut().enumerate() {
            *digit = DIGITS[(self.0 >> (5 * (LENGTH - 1 - at))) as usize & 31];
        }
        f.pad(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl FromStr for TaskId {
    type Err = ParseTaskIdError;

    fn from_str(text: &str) -> Result<TaskId, ParseTaskIdError> {
        // The first character holds the four highest bits.
        if text.len() != LENGTH || text.as_bytes()[0] > b'f' {
            return Err(ParseTaskIdError);
        }
        let digit = |n: u64, c: u8| match WORTH[usize::from(c)] {
            32 => None,
            worth => Some((n << 5) | u64::from(worth)),
        };
        text.bytes().try_fold(0, digit).map(TaskId).ok_or(ParseTaskIdError)
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<TaskId, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The number of a queue among those of a [`crate::Core`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u16);

/// Says which lease of a task a call belongs to; a later lease of any task has a greater one. Calls with another than the
/// task's latest are refused. The upper 24 bits are the leader's epoch, so that leases of an earlier leader are stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// The number of a group of changes that are committed together; they grow by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// The two clocks: a step of the wall clock moves what a calendar says (ETA, expiry, windows of keys and budgets, schedules), never
/// a lease, a timeout, a rate or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Never goes back while the process lives; as wall-clock time at its start.
    pub at: Time,
    /// What the wall clock shows now.
    pub wall: Time,
}

impl Now {
    /// Both clocks agree, as in a simulation.
    pub fn both(time: Time) -> Now {
        Now { at: time, wall: time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_sorts_as_text() {
        let mut last = String::new();
        for n in [0, 1, 31, 32, 1 << 40, u64::MAX / 3, u64::MAX] {
            let text = TaskId(n).to_string();
            assert_eq!(text.parse(), Ok(TaskId(n)), "{text}");
            assert!(text > last);
            last = text;
        }
        for bad in ["", "0", "01hm5k2v7q8r", "01hm5k2v7q8r0x", "01hm5k2v7q8ri", "g1hm5k2v7q8r0", "01HM5K2V7Q8R0"] {
            assert_eq!(bad.parse::<TaskId>(), Err(ParseTaskIdError), "{bad}");
        }
    }
}
