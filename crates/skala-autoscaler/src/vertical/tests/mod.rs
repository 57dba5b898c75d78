//! The recommender from outside. Expected numbers come from the formulas, worked out here in another way: bucket edges by adding
//! up widths that grow by 5 %, weights by hand.

mod estimate;
mod histogram;
mod peaks;
mod properties;
mod state;
mod update;

use std::collections::BTreeMap;
use std::time::Duration;

use skala_types::{ReplicaId, Time};

use super::*;

pub(super) const MIB: u64 = 1 << 20;
pub(super) const A: ReplicaId = ReplicaId(1);
pub(super) const B: ReplicaId = ReplicaId(2);

/// 2017-04-18T17:35:05Z, as good as any.
pub(super) fn at(minutes: u64) -> Time {
    Time::from_secs(1_492_536_905 + 60 * minutes)
}

pub(super) const DAY: u64 = 24 * 60;

pub(super) fn config(change: impl FnOnce(&mut ConfigSpec)) -> Config {
    let mut spec = ConfigSpec::default();
    change(&mut spec);
    Config::try_new(spec).unwrap()
}

/// The upper edge of a value's bucket.
pub(super) fn edge(first: f64, value: f64) -> f64 {
    let (mut start, mut width) = (0.0, first);
    while start + width <= value {
        start += width;
        width *= 1.05;
    }
    start + width
}

pub(super) fn memory_edge(bytes: u64) -> f64 {
    edge(1e7, bytes as f64)
}

pub(super) fn near(got: Amount, expected: f64) -> bool {
    (got.0 as f64 - expected).abs() <= 2.0 + expected * 1e-9
}

/// A week of a sample per minute: half a core, 1 GiB; in each tenth minute two cores.
pub(super) fn busy_week(config: &Config) -> State {
    let mut state = State::new(config);
    for minute in 0..=7 * DAY {
        let cores = if minute % 10 == 9 { 2.0 } else { 0.5 };
        assert!(state.add_cpu(config, A, at(minute), cores));
        assert!(state.add_memory(config, A, at(minute), Amount(1024 * MIB)));
    }
    state
}
