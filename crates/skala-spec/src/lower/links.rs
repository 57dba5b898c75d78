//! Which service uses what of which database and provider.

use skala_autoscaler::coupling::{Downstream, Limit, Link, LinkProblem, Links, LinksSpec, Surge, Unit};

use crate::model::Platform;
use crate::scalar::Positive;

impl Platform {
    /// Databases by their name, and providers as `NAME.requestsPerMinute` and `NAME.tokensPerMinute`, with the services that use
    /// them. A use of what a provider does not bound is no link.
    ///
    /// # Errors
    /// What the deciding crate refuses; `load` has refused it before.
    pub fn links(&self) -> Result<Links, Vec<LinkProblem>> {
        let mut spec = LinksSpec::default();
        for (name, database) in &self.databases {
            let limit = Limit::Connections {
                max: u64::from(database.max_connections),
                reserved: u64::from(database.reserved_connections),
            };
            spec.downstreams.push(Downstream { name: name.clone(), limit });
        }
        for (name, provider) in &self.providers {
            for (unit, quota) in
                [(Unit::RequestsPerMinute, provider.requests_per_minute), (Unit::TokensPerMinute, provider.tokens_per_minute)]
            {
                if let Some(quota) = quota {
                    let limit = Limit::Quota { unit, per_minute_milli: floor_milli(quota), reserved_milli: 0 };
                    spec.downstreams.push(Downstream { name: quota_name(name, unit), limit });
                }
            }
        }
        for (service, settings) in &self.services {
            let mut link = |downstream: String, per_replica| {
                spec.links.push(Link { service: service.clone(), downstream, per_replica, surge: Surge::None });
            };
            for (name, used) in &settings.uses.databases {
                link(name.clone(), u64::from(used.connections_per_replica));
            }
            for (name, used) in &settings.uses.providers {
                let quota = self.providers.get(name);
                let requests =
                    (Unit::RequestsPerMinute, quota.and_then(|q| q.requests_per_minute), used.requests_per_minute_per_replica);
                let tokens = (Unit::TokensPerMinute, quota.and_then(|q| q.tokens_per_minute), used.tokens_per_minute_per_replica);
                for (unit, quota, used) in [requests, tokens] {
                    if let (Some(_), Some(used)) = (quota, used) {
                        link(quota_name(name, unit), ceil_milli(used));
                    }
                }
            }
        }
        Links::try_new(spec)
    }
}

/// The downstream of one quota of a provider; a `.` is in no name of a database.
fn quota_name(provider: &str, unit: Unit) -> String {
    let key = if unit == Unit::TokensPerMinute { "tokensPerMinute" } else { "requestsPerMinute" };
    format!("{provider}.{key}")
}

/// What is granted, in thousandths; the cast saturates.
fn floor_milli(x: Positive) -> u64 {
    (x.get() * 1000.0).floor() as u64
}

/// What is used, in thousandths; the cast saturates.
fn ceil_milli(x: Positive) -> u64 {
    (x.get() * 1000.0).ceil() as u64
}
