//! Routes: which requests go to which service.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::names::dns_label;
use crate::scalar::{Dur, HostPattern, Size};

/// One route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Host that the route is for: exact, or `*.example.com` for every name below. Default: any host. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostPattern>,
    /// Path prefix, of whole segments: `/api` is for `/api` and `/api/x`, not for `/apis`. Reload: live.
    #[serde(default = "root")]
    pub path: String,
    /// Service that answers. Reload: live.
    #[schemars(schema_with = "dns_label")]
    pub service: ServiceName,
    /// Longest time from the arrival of a request to the first byte of its answer, waiting included; 504 beyond it. Raise it for slow
    /// endpoints; a stream, once begun, has no such bound. Reload: live.
    #[serde(default = "thirty_seconds")]
    pub timeout: Dur,
    /// How a replica is chosen; default: as the service says. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// Largest body of a request; 413 beyond it. Raise it for uploads. Reload: live.
    #[serde(default = "hundred_mebibytes")]
    pub max_body: Size,
    /// Turns requests that say `Prefer: respond-async` into tasks: 202 with the address of the answer, `{queue: slow}`. Default: every
    /// request is answered at once. Reload: live.
    #[serde(default, rename = "async", skip_serializing_if = "Option::is_none")]
    pub offload: Option<Offload>,
}

/// Where requests that may be answered later become tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offload {
    /// The queue; it pushes to the route's service. Reload: live.
    #[schemars(schema_with = "dns_label")]
    pub queue: String,
}

impl Route {
    /// Everything to one service.
    pub fn to(service: ServiceName) -> Route {
        Route {
            host: None,
            path: root(),
            service,
            timeout: thirty_seconds(),
            balance: None,
            max_body: hundred_mebibytes(),
            offload: None,
        }
    }
}

fn root() -> String {
    "/".to_owned()
}

fn thirty_seconds() -> Dur {
    Dur::secs(30)
}

fn hundred_mebibytes() -> Size {
    Size::mebibytes(100)
}

/// How a replica is chosen for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Balance {
    /// Of two replicas drawn at random, the one with fewer requests in flight: the right choice unless all requests are alike.
    #[default]
    LeastRequest,
    /// One after the other.
    RoundRobin,
}
