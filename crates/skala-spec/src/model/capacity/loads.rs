//! Loads: what comes to the platform, and how it grows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::names::dns_label;
use crate::scalar::{Amount, Dur, GrowthRate, Positive};

/// Something that grows: users, requests, data. It has either `now` or `of`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Load {
    /// How much there is today, above 0: `1000`, `100/s`, `5000/day`, `500GB`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Amount>,
    /// Growth per month, compounding: `25%`, or a list by month whose last goes on: `[30%, 20%, 10%]`. -100% to 1000%. Default: none.
    /// Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// Another load that this one follows, instead of `now`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_label")]
    pub of: Option<String>,
    /// With `of`: how many of this there are for each one of that, above 0. Default: 1. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Positive>,
    /// With `of` a rate: how long each one lasts; this load is then how many there are at once (Little's law): `connections: {of: requests,
    /// lasting: 2s}`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Dur>,
    /// What the busiest time has over `now`, at least 1: needs are counted at it. Default: with `of` that of the load it follows, else 1:
    /// `now` is the busiest time. A load that piles up and has no busy time of its own, such as data of users, says 1. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub peak: Option<f64>,
}

/// Growth per month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Growth {
    /// The same every month.
    Steady(GrowthRate),
    /// By month; the last goes on.
    Monthly(#[schemars(extend("minItems" = 1, "maxItems" = 120))] Vec<GrowthRate>),
}

impl Growth {
    /// The rates by month; the last goes on.
    pub fn rates(&self) -> &[GrowthRate] {
        match self {
            Growth::Steady(rate) => std::slice::from_ref(rate),
            Growth::Monthly(rates) => rates,
        }
    }
}
