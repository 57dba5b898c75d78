//! Which Kubernetes release's decisions are reproduced.
//!
//! Decides: which of the algorithm's changes over the releases apply.
//! Inputs: a name such as `hpa-1.37`; as `kubectl version` prints a release, `v1.37`, and bare, `1.37`, it means the same.
//! Method: kube-controller-manager's source and change logs from 1.23 (the first with `autoscaling/v2`) on; docs/hpa.md has
//!   the table. Where releases differ only in what happens on overflow, the sound behaviour is used for all of them.
//! Tested: `tests` below; `tests/rows/compat.rs`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const OLDEST: u8 = 23;
/// The newest release that is out.
const NEWEST: u8 = 37;
/// The release in development: accepted by name, not the default.
const NEXT: u8 = 38;

/// A Kubernetes release, `hpa-1.23` to `hpa-1.38`; the default is the newest that is out, 1.37.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Compat(u8);

/// Why a text names no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a release of the autoscaler: expected hpa-1.{OLDEST} to hpa-1.{NEXT}, such as hpa-1.{NEWEST}")]
pub struct CompatError(String);

/// What differs between releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// `|1 - ratio| <= tolerance` instead of two bounds; 1.1 is then outside a tolerance of 0.1. Until 1.32.
    pub tolerance_by_distance: bool,
    /// `behavior.*.tolerance` is honoured. From 1.33.
    pub direction_tolerance: bool,
    /// Missing pods count with max(100, target) percent of their request when shrinking, not with 100. From 1.26.
    pub missing_fill_reaches_target: bool,
    /// Missing pods count as 0 of an average value also when the ratio is exactly 1. Until 1.27.
    pub missing_fill_at_one: bool,
    /// A rate's base counts only the changes of its own direction. Until 1.24.
    pub rate_of_one_direction: bool,
    /// A pod whose sample lacks the named container fails the whole ContainerResource metric; the adapter that builds the
    /// samples has to look at this. Until 1.32.
    pub container_sample_missing_fails: bool,
    /// Pods that ended well are ignored like failed ones. From 1.38.
    pub succeeded_is_ignored: bool,
    /// How size zero is treated.
    pub zero: ZeroRule,
}

/// How size zero is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroRule {
    /// `minReplicas: 0` alone lets the autoscaler leave zero. Until 1.35.
    MinReplicas,
    /// Only the condition `ScaledToZero` does, which every rescale writes; the gate is off by default. 1.36.
    Condition,
    /// The same with the gate on by default. From 1.37.
    ConditionByDefault,
}

impl Compat {
    /// The release 1.`minor`, where it is known.
    pub const fn v1(minor: u8) -> Option<Compat> {
        if minor >= OLDEST && minor <= NEXT { Some(Compat(minor)) } else { None }
    }

    /// Every known release, oldest first.
    pub fn all() -> impl Iterator<Item = Compat> {
        (OLDEST..=NEXT).map(Compat)
    }

    /// What this release does differently from others.
    pub const fn quirks(self) -> Quirks {
        let minor = self.0;
        Quirks {
            tolerance_by_distance: minor < 33,
            direction_tolerance: minor >= 33,
            missing_fill_reaches_target: minor >= 26,
            missing_fill_at_one: minor < 28,
            rate_of_one_direction: minor < 25,
            container_sample_missing_fails: minor < 33,
            succeeded_is_ignored: minor >= 38,
            zero: match minor {
                0..36 => ZeroRule::MinReplicas,
                36 => ZeroRule::Condition,
                _ => ZeroRule::ConditionByDefault,
            },
        }
    }
}

impl Default for Compat {
    fn default() -> Compat {
        Compat(NEWEST)
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hpa-1.{}", self.0)
    }
}

impl FromStr for Compat {
    type Err = CompatError;

    fn from_str(s: &str) -> Result<Compat, CompatError> {
        let release = s.strip_prefix("hpa-").or_else(|| s.strip_prefix('v')).unwrap_or(s);
        let minor = release.strip_prefix("1.").filter(|m| m.len() == 2).and_then(|m| m.parse().ok());
        minor.and_then(Compat::v1).ok_or_else(|| CompatError(s.chars().take(60).collect()))
    }
}

impl TryFrom<String> for Compat {
    type Error = CompatError;

    fn try_from(s: String) -> Result<Compat, CompatError> {
        s.parse()
    }
}

impl From<Compat> for String {
    fn from(compat: Compat) -> String {
        compat.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused_with_the_range() {
        assert_eq!(Compat::all().count(), 16);
        for compat in Compat::all() {
            let name = compat.to_string();
            let bare = name.trim_start_matches("hpa-");
            for spelling in [&name, bare, &format!("v{bare}")] {
                assert_eq!(spelling.parse(), Ok(compat));
            }
        }
        assert_eq!(Compat::default().to_string(), "hpa-1.37");
        for bad in [
            "",
            "hpa",
            "1.22",
            "v1.39",
            "hpa-v1.37",
            "1.37.2",
            "1.+7",
            "hpa-1.22",
            "hpa-1.39",
            "hpa-1.037",
            "hpa-1.+7",
            "hpa-2.37",
            "HPA-1.37",
        ] {
            assert!(bad.parse::<Compat>().is_err(), "{bad}");
        }
        assert_eq!(
            "hpa-1.9".parse::<Compat>().unwrap_err().to_string(),
            "'hpa-1.9' is not a release of the autoscaler: expected hpa-1.23 to hpa-1.38, such as hpa-1.37"
        );
    }

    #[test]
    fn a_quirk_once_gone_does_not_come_back() {
        let old = |f: fn(Quirks) -> bool| Compat::all().map(|c| f(c.quirks())).collect::<Vec<_>>();
        for changes in [
            old(|q| q.tolerance_by_distance),
            old(|q| q.direction_tolerance),
            old(|q| q.missing_fill_reaches_target),
            old(|q| q.missing_fill_at_one),
            old(|q| q.rate_of_one_direction),
            old(|q| q.container_sample_missing_fails),
            old(|q| q.succeeded_is_ignored),
            old(|q| q.zero == ZeroRule::MinReplicas),
        ] {
            assert_eq!(changes.windows(2).filter(|w| w[0] != w[1]).count(), 1);
        }
    }
}
