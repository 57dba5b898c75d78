//! When replicas that are not ready yet will be.
//!
//! Decides: the waiting room's hope: when the next replica is ready, how many are on their way, whether one can be had.
//! Inputs: each replica's state, the learned start-up time, `now`.
//! Method: the learned time from its start; a start that already took longer needs half as long again as it took.
//! Invariants: an expectation lies in the future or is `now`'s.
//! Tested: `tests` below.

use std::time::Duration;

use skala_types::Time;

use crate::Outlook;

/// What can be hoped for from one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// It has been starting since then.
    Starting {
        /// When its process started.
        since: Time,
    },
    /// It died and is started again then.
    Backoff {
        /// When.
        until: Time,
    },
    /// It keeps dying; no other is expected to fare better.
    CrashLooping,
    /// It was ready before, or goes: nothing to wait for.
    None,
}

/// When a replica that started at `started` is expected to be ready.
pub fn expected_ready(started: Time, start_up: Duration, now: Time) -> Time {
    let usual = started + start_up;
    if usual > now { usual } else { now + now.since(started) / 2 }
}

impl Outlook {
    /// What a service's replicas promise; `may_start` says whether one more could be started on demand.
    pub fn of(replicas: impl Iterator<Item = Prospect>, start_up: Duration, may_start: bool, now: Time) -> Outlook {
        let mut outlook = Outlook::default();
        let mut looping = false;
        for replica in replicas {
            let expected = match replica {
                Prospect::Starting { since } => expected_ready(since, start_up, now),
                Prospect::Backoff { until } => until.max(now) + start_up,
                Prospect::CrashLooping => {
                    looping = true;
                    continue;
                }
                Prospect::None => continue,
            };
            outlook.starting += 1;
            outlook.next_ready = Some(outlook.next_ready.map_or(expected, |t| t.min(expected)));
        }
        if may_start && !looping {
            outlook.on_demand = Some(start_up);
        }
        outlook
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START_UP: Duration = Duration::from_secs(10);

    #[test]
    fn a_late_start_is_expected_later_and_later() {
        let at = Time::from_secs;
        let expected = |now| expected_ready(at(100), START_UP, at(now));
        assert_eq!([expected(100), expected(109), expected(110), expected(120)], [at(110), at(110), at(115), at(130)]);
    }

    #[test]
    fn the_first_to_come_counts_and_a_crash_loop_promises_nothing() {
        let at = Time::from_secs;
        let starting = |s| Prospect::Starting { since: at(s) };
        let outlook = |replicas: &[Prospect], may| Outlook::of(replicas.iter().copied(), START_UP, may, at(100));
        let both = outlook(&[starting(99), Prospect::None, Prospect::Backoff { until: at(90) }], true);
        assert_eq!(both, Outlook { next_ready: Some(at(109)), starting: 2, on_demand: Some(START_UP) });
        assert_eq!(outlook(&[Prospect::CrashLooping], true), Outlook::default());
        assert_eq!(outlook(&[], false), Outlook::default());
    }
}
