//! Times at which other bounds hold.
//!
//! Decides: nothing; names the settings.
//! Inputs: the `windows` section.
//! Invariants: none before [`crate::Policy::try_new`].
//! Tested: `crate::schedule`.

use serde::{Deserialize, Serialize};
use skala_types::Replicas;

use crate::Text;

/// A recurring time window with bounds of its own.
///
/// The moment is inside when the next end comes before the next start. When several windows are open, the largest `min_replicas`
/// and the largest `max_replicas` among them count; a bound that no open window sets is the policy's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronWindow {
    /// Its name in reports.
    pub name: Text,
    /// When it opens: five cron fields.
    pub start: String,
    /// When it closes: five cron fields.
    pub end: String,
    /// The IANA time zone of both, such as `Europe/Berlin`.
    pub timezone: String,
    /// `minReplicas` inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<Replicas>,
    /// `maxReplicas` inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<Replicas>,
}
