//! Sizes over time: what was paid, and how it compares with what was needed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::record::Sizes;
use super::timeline::{Level, Timeline};
use crate::{Elasticity, Need};

/// The sizes since the last change, and the integrals before it.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    need: Option<Arc<Need>>,
    since: Duration,
    /// Holes of the recording that are not behind yet: paid, and not judged.
    holes: VecDeque<(Duration, Duration)>,
    sizes: Option<Sizes>,
    pub(super) replica_seconds: f64,
    pub(super) ready_seconds: f64,
    pub(super) ready: Option<(u32, u32)>,
    judged: f64,
    sums: Elasticity,
}

impl Watch {
    pub(super) fn new(need: Option<Arc<Need>>) -> Watch {
        Watch {
            need,
            since: Duration::ZERO,
            holes: VecDeque::new(),
            sizes: None,
            replica_seconds: 0.0,
            ready_seconds: 0.0,
            ready: None,
            judged: 0.0,
            sums: Elasticity::default(),
        }
    }

    /// From `at` on, these are the sizes.
    pub(super) fn sizes(&mut self, at: Duration, sizes: Sizes, timeline: &mut Timeline) {
        self.settle(at, timeline);
        self.sizes = Some(sizes);
        let (least, most) = self.ready.unwrap_or((sizes.ready, sizes.ready));
        self.ready = Some((least.min(sizes.ready), most.max(sizes.ready)));
    }

    /// A hole of the recording.
    pub(super) fn mask(&mut self, from: Duration, to: Duration) {
        if to > from {
            self.holes.push_back((from, to));
        }
    }

    /// Whether a moment lies in a hole, and until when that is so.
    fn hole_at(&mut self, at: Duration) -> (bool, Duration) {
        while self.holes.front().is_some_and(|hole| hole.1 <= at) {
            self.holes.pop_front();
        }
        match self.holes.front() {
            Some((from, to)) if *from <= at => (true, *to),
            Some((from, _)) => (false, *from),
            None => (false, Duration::MAX),
        }
    }

    /// Adds what has held until `at`.
    pub(super) fn settle(&mut self, at: Duration, timeline: &mut Timeline) {
        let from = self.since;
        self.since = from.max(at);
        let Some(sizes) = self.sizes else { return };
        if at <= from {
            return;
        }
        let secs = (at - from).as_secs_f64();
        self.replica_seconds += f64::from(sizes.total) * secs;
        let need = self.need.clone();
        let mut begin = from;
        while begin < at {
            let (needed, until) = need.as_ref().map_or((0, at), |n| n.at(begin));
            let (masked, same_until) = self.hole_at(begin);
            let end = until.min(same_until).clamp(begin + Duration::from_nanos(1), at);
            if !masked {
                self.ready_seconds += f64::from(sizes.ready) * (end - begin).as_secs_f64();
                self.judge(f64::from(sizes.ready), needed, (end - begin).as_secs_f64());
            }
            let level = Level {
                ready: sizes.ready.into(),
                replicas: sizes.total.into(),
                need: needed.into(),
                desired: sizes.desired,
                waiting: sizes.waiting,
            };
            timeline.level(begin, end, &level);
            begin = end;
        }
    }

    fn judge(&mut self, ready: f64, needed: u32, secs: f64) {
        if self.need.is_none() {
            return;
        }
        let needed = f64::from(needed);
        let (under, over) = ((needed - ready).max(0.0), (ready - needed).max(0.0));
        self.judged += secs;
        // Where nothing is needed, the excess is counted against one replica.
        self.sums.under += under / needed.max(1.0) * secs;
        self.sums.over += over / needed.max(1.0) * secs;
        self.sums.time_under += if under > 0.0 { secs } else { 0.0 };
        self.sums.time_over += if over > 0.0 { secs } else { 0.0 };
    }

    pub(super) fn elasticity(&self) -> Elasticity {
        let share = |sum: f64| if self.judged > 0.0 { sum / self.judged } else { 0.0 };
        let s = &self.sums;
        Elasticity { under: share(s.under), over: share(s.over), time_under: share(s.time_under), time_over: share(s.time_over) }
    }
}
