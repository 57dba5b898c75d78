//! The run in few points: when they are full, two become one, twice as long.

use std::time::Duration;

use super::histogram::Coarse;
use crate::Point;

/// What happened in one stretch.
#[derive(Clone, Debug, Default)]
struct Stretch {
    arrivals: f64,
    late: f64,
    latency: Coarse,
    masked: f64,
    /// Seconds with known sizes, and the sizes' integrals over them.
    known: f64,
    ready: f64,
    replicas: f64,
    need: f64,
    last: Option<(u32, f64)>,
}

impl Stretch {
    fn merge(&mut self, later: Stretch) {
        self.arrivals += later.arrivals;
        self.late += later.late;
        self.latency.merge(&later.latency);
        self.masked += later.masked;
        self.known += later.known;
        self.ready += later.ready;
        self.replicas += later.replicas;
        self.need += later.need;
        self.last = later.last.or(self.last);
    }
}

/// A stretch of constant sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) ready: f64,
    pub(super) replicas: f64,
    pub(super) need: f64,
    pub(super) desired: u32,
    pub(super) waiting: f64,
}

/// The points so far.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// Length of a stretch, seconds.
    length: u64,
    stretches: Vec<Stretch>,
}

impl Timeline {
    pub(super) fn new() -> Timeline {
        Timeline { length: 1, stretches: Vec::new() }
    }

    fn at(&mut self, at: Duration) -> &mut Stretch {
        while at.as_secs() / self.length >= Point::MOST as u64 {
            self.halve();
        }
        let index = (at.as_secs() / self.length) as usize;
        if index >= self.stretches.len() {
            self.stretches.resize_with(index + 1, Stretch::default);
        }
        &mut self.stretches[index]
    }

    fn halve(&mut self) {
        self.length = self.length.saturating_mul(2);
        let mut merged = Vec::with_capacity(self.stretches.len().div_ceil(2));
        let mut old = std::mem::take(&mut self.stretches).into_iter();
        while let Some(mut first) = old.next() {
            if let Some(second) = old.next() {
                first.merge(second);
            }
            merged.push(first);
        }
        self.stretches = merged;
    }

    pub(super) fn arrived(&mut self, at: Duration, requests: f64) {
        self.at(at).arrivals += requests;
    }

    pub(super) fn late(&mut self, arrived: Duration, requests: f64) {
        self.at(arrived).late += requests;
    }

    pub(super) fn latency(&mut self, arrived: Duration, values: impl Iterator<Item = (u64, f64)>) {
        let stretch = self.at(arrived);
        values.for_each(|(nanos, weight)| stretch.latency.add(nanos, weight as f32));
    }

    /// Adds sizes over a time, piece by piece.
    pub(super) fn level(&mut self, from: Duration, to: Duration, level: &Level) {
        self.pieces(from, to, |stretch, secs| {
            stretch.known += secs;
            stretch.ready += level.ready * secs;
            stretch.replicas += level.replicas * secs;
            stretch.need += level.need * secs;
            stretch.last = Some((level.desired, level.waiting));
        });
    }

    pub(super) fn mask(&mut self, from: Duration, to: Duration) {
        self.pieces(from, to, |stretch, secs| stretch.masked += secs);
    }

    fn pieces(&mut self, from: Duration, to: Duration, mut with: impl FnMut(&mut Stretch, f64)) {
        if to > from {
            self.at(to - Duration::from_nanos(1));
        }
        let mut at = from;
        while at < to {
            let ends = Duration::from_secs((at.as_secs() / self.length + 1) * self.length).min(to);
            with(self.at(at), (ends - at).as_secs_f64());
            at = ends;
        }
    }

    /// The points until `end`; `q` is the objective's share.
    pub(super) fn finish(self, end: Duration, q: f64) -> Vec<Point> {
        let length = Duration::from_secs(self.length);
        let mut last = (0, 0.0);
        let point = |(i, s): (usize, Stretch)| {
            let at = length.saturating_mul(u32::try_from(i).unwrap_or(u32::MAX));
            let lasts = end.saturating_sub(at).min(length);
            let secs = lasts.as_secs_f64();
            let known = if s.known > 0.0 { s.known } else { 1.0 };
            last = s.last.unwrap_or(last);
            Point {
                at,
                lasts,
                arrival_rate: (secs > s.masked + 1e-9).then(|| s.arrivals / (secs - s.masked)),
                ready: s.ready / known,
                replicas: s.replicas / known,
                desired: last.0,
                need: s.need / known,
                waiting: last.1,
                latency: s.latency.quantile(q),
                late: if s.arrivals > 0.0 { (s.late / s.arrivals).min(1.0) } else { 0.0 },
            }
        };
        self.stretches.into_iter().enumerate().map(point).filter(|p| p.lasts > Duration::ZERO).collect()
    }
}
