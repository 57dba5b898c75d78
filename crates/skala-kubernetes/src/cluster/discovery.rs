//! Where a kind lives in the API: its plural, and whether it can be scaled.
//!
//! Decides: which path a `scaleTargetRef` means.
//! Inputs: the API's own description of a group and version (`APIResourceList`), kept for ten minutes.
//! Method: the version given first; when the server does not know the kind there, the group's preferred version, as the HPA's
//!   mapper goes by group and kind.
//! Invariants: a kind that is not there is looked for again at most once per half minute, so that a definition installed later
//!   is found.
//! Tested: `tests/it/acting.rs`.

use std::time::Duration;

use serde::Deserialize;

use super::Once;
use crate::api::{Api, ApiError, Path};

const KEPT: Duration = Duration::from_secs(600);
const MISS_KEPT: Duration = Duration::from_secs(30);
/// Groups and versions of one cluster; some hundreds where many operators are installed.
const MOST: usize = 2000;

/// A kind's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Located {
    /// Such as `apps/v1`.
    pub(crate) group_version: String,
    /// Such as `deployments`.
    pub(crate) plural: String,
    /// Whether it has `/scale`.
    pub(crate) scalable: bool,
    pub(crate) namespaced: bool,
}

impl Located {
    /// Such as `deployments.apps`.
    pub(crate) fn group_resource(&self) -> String {
        match self.group_version.split_once('/') {
            Some((group, _)) => format!("{}.{group}", self.plural),
            None => self.plural.clone(),
        }
    }
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Clone, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Resource {
    name: String,
    kind: String,
    namespaced: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    preferred_version: Option<GroupVersion>,
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupVersion {
    group_version: String,
}

/// The API's description of itself, asked when needed.
pub(crate) struct Discovery {
    api: Api,
    found: Once<(String, String), Located>,
    missing: Once<(String, String), Located>,
}

impl Discovery {
    pub(crate) fn new(api: Api) -> Discovery {
        Discovery { api, found: Once::new(KEPT, MOST), missing: Once::new(MISS_KEPT, MOST) }
    }

    /// Finds a kind.
    ///
    /// # Errors
    /// In words for a condition.
    pub(crate) async fn locate(&self, group_version: &str, kind: &str) -> Result<Located, String> {
        let key = (group_version.to_owned(), kind.to_owned());
        // Good answers are kept longer than bad ones: the inner look is shared for a short time, the outer keeps what it found.
        let answer = self.missing.get(&key, || self.known_or_asked(&key)).await;
        answer.map(|located| (*located).clone()).map_err(|e| e.to_string())
    }

    async fn known_or_asked(&self, key: &(String, String)) -> Result<Located, String> {
        let found = self.found.get(key, || async { self.ask(&key.0, &key.1).await }).await;
        match found {
            Ok(located) => Ok((*located).clone()),
            Err(error) => {
                self.found.drop_failures(key);
                Err(error.to_string())
            }
        }
    }

    async fn ask(&self, group_version: &str, kind: &str) -> Result<Located, String> {
        match self.within(group_version, kind).await {
            Ok(Some(located)) => return Ok(located),
            Ok(None) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(format!("the kinds of {group_version} could not be listed: {error}")),
        }
        if let Some((group, _)) = group_version.split_once('/') {
            let path = Path::group(group);
            if let Ok(group) = self.api.get::<Group>(&path).await {
                for other in group.preferred_version.iter().chain(&group.versions).filter(|v| v.group_version != group_version) {
                    if let Ok(Some(located)) = self.within(&other.group_version, kind).await {
                        return Ok(located);
                    }
                }
            }
        }
        Err(format!("no matches for kind \"{kind}\" in group and version \"{group_version}\""))
    }

    async fn within(&self, group_version: &str, kind: &str) -> Result<Option<Located>, ApiError> {
        let list: ResourceList = self.api.get(&Path::group_version(group_version)).await?;
        let Some(resource) = list.resources.iter().find(|r| r.kind == kind && !r.name.contains('/')) else { return Ok(None) };
        let scale = format!("{}/scale", resource.name);
        Ok(Some(Located {
            group_version: group_version.to_owned(),
            plural: resource.name.clone(),
            scalable: list.resources.iter().any(|r| r.name == scale),
            namespaced: resource.namespaced,
        }))
    }

    /// The newest version of the custom metrics API that the server has.
    pub(crate) async fn custom_metrics_version(&self) -> &'static str {
        const NEW: &str = "custom.metrics.k8s.io/v1beta2";
        let path = Path::group("custom.metrics.k8s.io");
        match self.api.get::<Group>(&path).await {
            Ok(group) if group.versions.iter().any(|v| v.group_version == NEW) => NEW,
            Ok(_) => "custom.metrics.k8s.io/v1beta1",
            Err(_) => NEW,
        }
    }
}
