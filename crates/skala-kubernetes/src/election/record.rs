//! Leader election's decision: what to write into the lease, given what was seen of it.
//!
//! Decides: whether this process may take, keep or give back the lease.
//! Inputs: the lease as read, when its record was last seen to change (this process's own clock), now.
//! Method: client-go's `leaderelection`: another's clock is never believed; a lease is over when its record has not changed for
//!   `leaseDuration` of our time.
//! Invariants: a held lease is only taken after that; transitions count changes of holder; giving back empties the holder.
//! Tested: `tests` below.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use skala_types::Time;

/// A `coordination.k8s.io/v1` Lease's spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LeaseSpec {
    pub(crate) holder_identity: Option<String>,
    pub(crate) lease_duration_seconds: Option<u32>,
    pub(crate) acquire_time: Option<String>,
    pub(crate) renew_time: Option<String>,
    pub(crate) lease_transitions: Option<u32>,
}

/// The record as last seen, and when it last changed by our clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) spec: LeaseSpec,
    pub(crate) since: Instant,
}

/// What to do with the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bid {
    /// Another holds it.
    Wait,
    /// Write this.
    Write(LeaseSpec),
}

/// Remembers a record as seen at `now`; its age starts again only when it differs.
pub(crate) fn observe(known: Option<Observed>, seen: LeaseSpec, now: Instant) -> Observed {
    match known {
        Some(known) if known.spec == seen => known,
        _ => Observed { spec: seen, since: now },
    }
}

/// Takes or renews the lease, or waits.
pub(crate) fn bid(observed: Option<&Observed>, identity: &str, duration: Duration, now: Instant, wall: Time) -> Bid {
    let fresh = LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: Some(u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)),
        acquire_time: Some(micro_time(wall)),
        renew_time: Some(micro_time(wall)),
        lease_transitions: Some(0),
    };
    let Some(observed) = observed else { return Bid::Write(fresh) };
    let old = &observed.spec;
    let holder = old.holder_identity.as_deref().unwrap_or_default();
    let transitions = old.lease_transitions.unwrap_or(0);
    if holder == identity {
        let acquire_time = old.acquire_time.clone().or(fresh.acquire_time);
        return Bid::Write(LeaseSpec { acquire_time, lease_transitions: Some(transitions), ..fresh });
    }
    let lasts = Duration::from_secs(u64::from(old.lease_duration_seconds.unwrap_or(0))).max(duration_floor(old, duration));
    if !holder.is_empty() && now.saturating_duration_since(observed.since) < lasts {
        return Bid::Wait;
    }
    Bid::Write(LeaseSpec { lease_transitions: Some(transitions.saturating_add(1)), ..fresh })
}

/// A record without a duration is given ours, rather than none: it is another's lease still.
fn duration_floor(old: &LeaseSpec, ours: Duration) -> Duration {
    if old.lease_duration_seconds.is_some_and(|s| s > 0) { Duration::ZERO } else { ours }
}

/// The record that gives the lease back; none when it is not ours.
pub(crate) fn release(spec: &LeaseSpec, identity: &str, wall: Time) -> Option<LeaseSpec> {
    (spec.holder_identity.as_deref() == Some(identity)).then(|| LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(micro_time(wall)),
        renew_time: Some(micro_time(wall)),
        lease_transitions: spec.lease_transitions,
    })
}

/// Kubernetes' `MicroTime`: RFC 3339 with six digits.
pub(crate) fn micro_time(time: Time) -> String {
    let text = time.to_string();
    let micros = time.as_nanos() / 1_000 % 1_000_000;
    let seconds = text.split('.').next().unwrap_or(&text);
    format!("{seconds}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    fn held_by(who: &str, transitions: u32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(who.into()),
            lease_duration_seconds: Some(15),
            acquire_time: Some("2026-01-01T00:00:00.000000Z".into()),
            renew_time: Some("2026-01-01T00:00:00.000000Z".into()),
            lease_transitions: Some(transitions),
        }
    }

    fn bid_after(spec: LeaseSpec, secs: u64) -> Bid {
        let since = Instant::now();
        let observed = Observed { spec, since };
        bid(Some(&observed), "me", LEASE, since + Duration::from_secs(secs), Time::from_secs(1_800_000_000))
    }

    #[test]
    fn a_missing_lease_is_made() {
        let Bid::Write(spec) = bid(None, "me", LEASE, Instant::now(), Time::from_millis(1_800_000_000_123)) else { panic!() };
        assert_eq!(spec.holder_identity.as_deref(), Some("me"));
        assert_eq!(spec.renew_time.as_deref(), Some("2027-01-15T08:00:00.123000Z"));
        assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(0)));
    }

    #[test]
    fn anothers_lease_is_taken_only_when_its_record_stood_still() {
        assert_eq!(bid_after(held_by("other", 3), 14), Bid::Wait);
        let Bid::Write(spec) = bid_after(held_by("other", 3), 15) else { panic!("it is over") };
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("me"), Some(4)));
        assert_ne!(spec.acquire_time, held_by("other", 3).acquire_time);
    }

    #[test]
    fn the_holders_own_duration_counts() {
        let long = LeaseSpec { lease_duration_seconds: Some(60), ..held_by("other", 0) };
        assert_eq!(bid_after(long, 59), Bid::Wait);
        let unsaid = LeaseSpec { lease_duration_seconds: None, ..held_by("other", 0) };
        assert_eq!(bid_after(unsaid, 14), Bid::Wait);
    }

    #[test]
    fn renewing_keeps_since_when_and_how_often() {
        let Bid::Write(spec) = bid_after(held_by("me", 7), 2) else { panic!() };
        assert_eq!(spec.acquire_time, held_by("me", 7).acquire_time);
        assert_eq!(spec.lease_transitions, Some(7));
    }

    #[test]
    fn a_lease_given_back_is_free_at_once() {
        let back = release(&held_by("me", 2), "me", Time::from_secs(1)).unwrap();
        assert_eq!((back.holder_identity.as_deref(), back.lease_duration_seconds), (Some(""), Some(1)));
        assert!(matches!(bid_after(back, 0), Bid::Write(spec) if spec.lease_transitions == Some(3)));
        assert_eq!(release(&held_by("other", 2), "me", Time::from_secs(1)), None);
    }

    #[test]
    fn the_same_record_does_not_become_young_again() {
        let start = Instant::now();
        let first = observe(None, held_by("other", 0), start);
        let again = observe(Some(first.clone()), held_by("other", 0), start + LEASE);
        assert_eq!(again.since, start);
        let renewed = LeaseSpec { renew_time: Some("2026-01-01T00:00:02.000000Z".into()), ..held_by("other", 0) };
        assert_eq!(observe(Some(again), renewed, start + LEASE).since, start + LEASE);
    }
}
