//! A plan is capped by what stands behind the service.
//!
//! Decides: how many of the wanted replicas the databases and providers behind them can serve.
//! Inputs: the checked [`Links`], live figures where they are given, the [`Want`]s, `now`.
//! Method: each downstream divides what it has: the minima first, then by priority, then in step with the needs (see
//!   `budget::divide`). A service behind several downstreams gets the smallest answer. What one service leaves unused because
//!   another downstream stops it is not lent to others, so that no answer hangs on the order in which downstreams are looked at.
//! Units: connections; requests or tokens per minute, in thousandths.
//! Invariants: a higher limit never gives a service fewer replicas; nobody gets more than wanted, nor less than its minimum,
//!   which is reported when the minima alone are too much; live figures stop growth and never shrink what runs; deterministic.
//! Tested: `tests`; `budget::divide` in its module.

mod limit;
mod links;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, ServiceName, Time};

pub use limit::{Available, Live, LiveUse};
pub use links::{Downstream, Limit, Link, LinkProblem, Links, LinksSpec, Surge, Unit};

use crate::budget::divide::{Claim, divide};

/// Users of a downstream that a report names; the others are summed up.
const NAMED: usize = 8;

/// What a service wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Want {
    /// The service.
    pub service: ServiceName,
    /// Replicas that its metrics want, within its bounds.
    pub desired: Replicas,
    /// Replicas that run.
    pub current: Replicas,
    /// Its `minReplicas`.
    pub min: Replicas,
    /// Higher is served first.
    pub priority: i32,
}

/// Why a service got fewer replicas than it wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// Index into [`Verdict::downstreams`].
    pub downstream: usize,
    /// Replicas refused.
    pub refused: Replicas,
    /// A live figure stopped the growth; by the file alone it would have been allowed.
    pub live: bool,
}

/// What a service may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capped {
    /// The service.
    pub service: ServiceName,
    /// Replicas, at most what was wanted.
    pub replicas: Replicas,
    /// The downstream that caps it; none when nothing does.
    pub because: Option<Because>,
}

/// What a service uses of a downstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The service.
    pub service: ServiceName,
    /// Its replicas after the cap.
    pub replicas: Replicas,
    /// What they use, rollout included.
    pub uses: u64,
}

/// A downstream after the division.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Its name.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// What it has, and what is left of it for the services.
    pub available: Available,
    /// What the capped plan uses.
    pub used: u64,
    /// The largest users.
    pub largest: Vec<Share>,
    /// How many more users there are, and what they use.
    pub others: (u32, u64),
    /// The minima alone are more than there is; they are kept.
    pub minima_exceed: bool,
}

impl fmt::Display for Usage {
    /// `postgres: 100 connections, 13 reserved, 7 used by others; 80 in use: api 60 (3 replicas), worker 20 (4 replicas)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |n: u64| self.unit.shown(n);
        write!(f, "{}: {} {}", self.name, of(self.available.limit), self.unit)?;
        if self.available.reserved > 0 {
            write!(f, ", {} reserved", of(self.available.reserved))?;
        }
        if self.available.foreign > 0 {
            write!(f, ", {} used by others", of(self.available.foreign))?;
        }
        write!(f, "; {} in use", of(self.used))?;
        for (i, share) in self.largest.iter().enumerate() {
            let lead = if i == 0 { ": " } else { ", " };
            write!(f, "{lead}{} {} ({} replicas)", share.service, of(share.uses), share.replicas)?;
        }
        if self.others.0 > 0 {
            write!(f, ", {} more {}", self.others.0, of(self.others.1))?;
        }
        Ok(())
    }
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// One answer per want, in their order.
    pub capped: Vec<Capped>,
    /// One entry per downstream, in the links' order.
    pub downstreams: Vec<Usage>,
}

/// Caps the wants by what stands behind them.
pub fn cap(links: &Links, live: &Live, wants: &[Want], now: Time) -> Verdict {
    let mut capped: Vec<Capped> =
        wants.iter().map(|w| Capped { service: w.service.clone(), replicas: w.desired, because: None }).collect();
    let mut by_name: BTreeMap<&ServiceName, Vec<usize>> = BTreeMap::new();
    wants.iter().enumerate().for_each(|(i, w)| by_name.entry(&w.service).or_default().push(i));
    let spec = links.spec();
    let mut availables = Vec::with_capacity(spec.downstreams.len());
    for (d, downstream) in spec.downstreams.iter().enumerate() {
        let users = users(links, d, &by_name);
        let (by_file, with_live) = (limit::by_file(downstream), limit::with_live(downstream, live, now));
        let claims = |held: bool| -> Vec<Claim<'_>> {
            users.iter().map(|(i, link)| claim(&wants[*i], &spec.links[*link], held)).collect()
        };
        let minima = claims(false);
        let stated = divide(u128::from(by_file.for_services()), &minima);
        // What runs has its connections already: a live figure only stops growth.
        let lively = divide(u128::from(with_live.for_services()), &claims(true));
        for (((i, _), stated), lively) in users.iter().zip(stated).zip(lively) {
            let granted = lively.min(stated);
            if granted < capped[*i].replicas.0 {
                let refused = Replicas(wants[*i].desired.0 - granted);
                let because = Because { downstream: d, refused, live: granted < stated };
                capped[*i] = Capped { replicas: Replicas(granted), because: Some(because), ..capped[*i].clone() };
            }
        }
        let floors = minima.iter().fold(0u128, |sum, c| sum.saturating_add(c.cost.of(c.floor)));
        availables.push((with_live, floors > u128::from(with_live.for_services())));
    }
    let downstreams = availables
        .into_iter()
        .enumerate()
        .map(|(d, (available, minima_exceed))| usage(links, d, available, minima_exceed, &users(links, d, &by_name), &capped))
        .collect();
    Verdict { capped, downstreams }
}

/// The wants behind a downstream, with their link.
fn users(links: &Links, downstream: usize, by_name: &BTreeMap<&ServiceName, Vec<usize>>) -> Vec<(usize, usize)> {
    let of = |link: &usize| {
        let wants = by_name.get(&links.spec().links[*link].service).map_or(&[][..], Vec::as_slice);
        wants.iter().map(|i| (*i, *link)).collect::<Vec<_>>()
    };
    links.behind(downstream).iter().flat_map(of).collect()
}

/// A claim with the minimum as floor, or with what runs.
fn claim<'a>(want: &'a Want, link: &Link, held: bool) -> Claim<'a> {
    let floor = if held { want.min.max(want.current) } else { want.min };
    let (floor, want_n) = (floor.0.min(want.desired.0), want.desired.0);
    Claim { name: &want.service, rank: i64::from(want.priority), floor, want: want_n, cost: link.cost() }
}

fn usage(
    links: &Links,
    downstream: usize,
    available: Available,
    minima_exceed: bool,
    users: &[(usize, usize)],
    capped: &[Capped],
) -> Usage {
    let spec = &links.spec().downstreams[downstream];
    let uses =
        |i: usize, link: usize| u64::try_from(links.spec().links[link].cost().of(capped[i].replicas.0)).unwrap_or(u64::MAX);
    let mut shares: Vec<(u64, usize)> =
        users.iter().map(|(i, link)| (uses(*i, *link), *i)).filter(|(uses, _)| *uses > 0).collect();
    let used = shares.iter().fold(0u64, |sum, (uses, _)| sum.saturating_add(*uses));
    shares.sort_by_key(|(uses, i)| (std::cmp::Reverse(*uses), &capped[*i].service, *i));
    let rest = shares.split_off(shares.len().min(NAMED));
    let named = |(uses, i): (u64, usize)| Share { service: capped[i].service.clone(), replicas: capped[i].replicas, uses };
    Usage {
        name: spec.name.clone(),
        unit: spec.limit.unit(),
        available,
        used,
        largest: shares.into_iter().map(named).collect(),
        others: (rest.len() as u32, rest.iter().fold(0u64, |sum, (uses, _)| sum.saturating_add(*uses))),
        minima_exceed,
    }
}
