//! The release of Kubernetes whose autoscaler is meant: `hpa-1.37`.

use std::fmt;
use std::str::FromStr;

use super::{ScalarError, kind};

/// A release that `mode: hpa` can decide like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HpaRelease(skala_hpa::Compat);

impl HpaRelease {
    /// What it does differently from others.
    pub const fn compat(self) -> skala_hpa::Compat {
        self.0
    }
}

impl FromStr for HpaRelease {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<HpaRelease, ScalarError> {
        let mut all = skala_hpa::Compat::all();
        let range = match (all.next(), all.last()) {
            (Some(first), Some(last)) => format!("use `{first}` to `{last}`"),
            _ => format!("use `{}`", skala_hpa::Compat::default()),
        };
        // One spelling in a file: `1.30` without quotes would be the number 1.3.
        let release = text.parse().ok().filter(|release: &skala_hpa::Compat| release.to_string() == text);
        release.map(HpaRelease).ok_or_else(|| ScalarError::new("is not a release that skala knows", range))
    }
}

impl fmt::Display for HpaRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

kind!(HpaRelease, "hpa-release", "a release of the autoscaler", "`hpa-1.37`", r"^hpa-1\.[0-9]{2}$|\$\{", "string");
