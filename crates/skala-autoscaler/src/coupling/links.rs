//! Which service uses what of which downstream.
//!
//! Decides: nothing; holds what [`super::cap`] may rely on.
//! Inputs: databases with their connection limit, providers with their quota, and what a replica uses of them.
//! Units: connections; requests or tokens per minute in thousandths (a worker may make half a call per minute).
//! Invariants: [`Links`] are only made by [`Links::try_new`], also when they are read back: names are unique, links lead
//!   somewhere, and no service has two links to the same downstream.
//! Tested: `super::tests` rows `links`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use crate::budget::divide::Cost;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Connections of a database.
    Connections,
    /// Requests per minute, in thousandths.
    RequestsPerMinute,
    /// Tokens per minute, in thousandths.
    TokensPerMinute,
}

impl Unit {
    /// The number as people read it.
    pub(super) fn shown(self, n: u64) -> String {
        match self {
            Unit::Connections => n.to_string(),
            _ if n.is_multiple_of(1000) => (n / 1000).to_string(),
            _ => format!("{}.{:03}", n / 1000, n % 1000).trim_end_matches('0').to_owned(),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Connections => "connections",
            Unit::RequestsPerMinute => "requests/min",
            Unit::TokensPerMinute => "tokens/min",
        })
    }
}

/// What a downstream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Limit {
    /// A database.
    Connections {
        /// `max_connections`.
        max: u64,
        /// Kept for superusers, migrations and people.
        #[serde(default)]
        reserved: u64,
    },
    /// A provider.
    Quota {
        /// Requests or tokens.
        unit: Unit,
        /// Thousandths per minute.
        per_minute_milli: u64,
        /// Kept for others, in thousandths per minute.
        #[serde(default)]
        reserved_milli: u64,
    },
}

impl Limit {
    /// What is counted.
    pub fn unit(&self) -> Unit {
        match self {
            Limit::Connections { .. } => Unit::Connections,
            Limit::Quota { unit, .. } => *unit,
        }
    }

    /// What there is, and what of it is kept back.
    pub(super) fn amounts(&self) -> (u64, u64) {
        match *self {
            Limit::Connections { max, reserved } => (max, reserved),
            Limit::Quota { per_minute_milli, reserved_milli, .. } => (per_minute_milli, reserved_milli),
        }
    }
}

/// A database or provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Downstream {
    /// Its name.
    pub name: String,
    /// What it has.
    pub limit: Limit,
}

/// What a rollout runs beside the replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Surge {
    /// Nothing: old replicas stop before new ones start.
    #[default]
    None,
    /// So many replicas more.
    Replicas(u32),
    /// So many percent more, rounded up.
    Percent(u32),
}

/// A service behind which a downstream stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    /// The service.
    pub service: ServiceName,
    /// The downstream's name.
    pub downstream: String,
    /// What one replica may use at most: its pool's size, or thousandths of calls or tokens per minute.
    pub per_replica: u64,
    /// What a rollout adds; a provider's quota is used by whoever works, so there it is usually none.
    #[serde(default)]
    pub surge: Surge,
}

impl Link {
    pub(super) fn cost(&self) -> Cost {
        let (surge, surge_percent) = match self.surge {
            Surge::None => (0, 0),
            Surge::Replicas(n) => (n, 0),
            Surge::Percent(p) => (0, p),
        };
        Cost { per: self.per_replica, surge, surge_percent }
    }
}

/// The fields, unchecked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LinksSpec {
    /// Databases and providers.
    pub downstreams: Vec<Downstream>,
    /// Who uses them.
    pub links: Vec<Link>,
}

/// Why links cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkProblem {
    /// Two downstreams share a name.
    #[error("downstream {0} is declared twice")]
    DeclaredTwice(String),
    /// A link leads nowhere.
    #[error("service {service} is linked to {downstream}, which is not declared")]
    Nowhere {
        /// The service.
        service: ServiceName,
        /// The name it uses.
        downstream: String,
    },
    /// A service is linked twice to the same downstream.
    #[error("service {service} is linked to {downstream} twice")]
    LinkedTwice {
        /// The service.
        service: ServiceName,
        /// The downstream.
        downstream: String,
    },
    /// More is kept back than there is.
    #[error("downstream {0} reserves more than it has")]
    ReservesAll(String),
    /// A quota of connections.
    #[error("downstream {0}: a quota counts requests or tokens")]
    QuotaUnit(String),
}

/// Checked [`LinksSpec`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LinksSpec", into = "LinksSpec")]
pub struct Links {
    spec: LinksSpec,
    /// The links of each downstream.
    behind: Vec<Vec<usize>>,
}

impl TryFrom<LinksSpec> for Links {
    type Error = LinkProblem;

    fn try_from(spec: LinksSpec) -> Result<Links, LinkProblem> {
        Links::try_new(spec).map_err(|mut problems| problems.swap_remove(0))
    }
}

impl From<Links> for LinksSpec {
    fn from(links: Links) -> LinksSpec {
        links.spec
    }
}

impl Links {
    /// Checks a spec.
    ///
    /// # Errors
    /// Everything that cannot stand; never an empty list.
    pub fn try_new(spec: LinksSpec) -> Result<Links, Vec<LinkProblem>> {
        let (mut problems, mut places) = (Vec::new(), BTreeMap::new());
        for (i, d) in spec.downstreams.iter().enumerate() {
            let (limit, reserved) = d.limit.amounts();
            if places.insert(d.name.as_str(), i).is_some() {
                problems.push(LinkProblem::DeclaredTwice(d.name.clone()));
            }
            if reserved > limit {
                problems.push(LinkProblem::ReservesAll(d.name.clone()));
            }
            if matches!(d.limit, Limit::Quota { unit: Unit::Connections, .. }) {
                problems.push(LinkProblem::QuotaUnit(d.name.clone()));
            }
        }
        let mut behind = vec![Vec::new(); spec.downstreams.len()];
        let mut seen = BTreeSet::new();
        for (i, link) in spec.links.iter().enumerate() {
            let (service, downstream) = (link.service.clone(), link.downstream.clone());
            match places.get(link.downstream.as_str()) {
                None => problems.push(LinkProblem::Nowhere { service, downstream }),
                Some(d) if seen.insert((*d, &link.service)) => behind[*d].push(i),
                Some(_) => problems.push(LinkProblem::LinkedTwice { service, downstream }),
            }
        }
        if problems.is_empty() { Ok(Links { spec, behind }) } else { Err(problems) }
    }

    /// The fields.
    pub fn spec(&self) -> &LinksSpec {
        &self.spec
    }

    pub(super) fn behind(&self, downstream: usize) -> &[usize] {
        self.behind.get(downstream).map_or(&[], Vec::as_slice)
    }
}
