//! From needs to starts: the cheapest schedule of replicas that has as many ready as are needed, at every moment.
//!
//! Method: think of the need as layers: layer k is needed while the need is at least k. A replica is as good as another, so a
//!   schedule is a set of replicas for each layer, and its cost is the sum over layers: the time that the layer is kept ready, plus a
//!   start-up time for each start. Layers do not compete for anything, so the cheapest schedule is the cheapest of each layer by
//!   itself; and within a layer each gap stands by itself: keeping the replica costs the gap's length, letting it go costs the next
//!   start's start-up time. So a gap is bridged if and only if it is not longer than the start-up time, and that is the optimum of
//!   the dynamic programme over all schedules. (Whoever needs k also needs k - 1, so layers nest, and gaps of a higher layer hold
//!   those of a lower one.) `minReplicas` is a need at all times, `maxReplicas` cuts the layers above it.
//! Invariants: never fewer ready than needed within the bounds; the first replicas are ready at the beginning, as a run begins.
//! Tested: `tests/it/optimum.rs`, against all schedules of small cases.

use std::time::Duration;

use crate::Need;

/// Ready replicas by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// From each time on so many are ready; times ascend, sizes differ from one to the next.
    changes: Vec<(Duration, u32)>,
    start_up: Duration,
    end: Duration,
}

impl Schedule {
    /// The cheapest schedule for a need until `end`.
    pub fn cheapest(need: &Need, start_up: Duration, bounds: (u32, u32), end: Duration) -> Schedule {
        let (min, max) = (bounds.0, bounds.1.max(bounds.0));
        let mut edges: Vec<(Duration, i64)> = vec![(Duration::ZERO, i64::from(min))];
        // Since when each layer is not needed any more; none while it is, and before it ever was.
        let mut free_since: Vec<Option<Duration>> = Vec::new();
        let mut on = min;
        let needs = need.iter().take_while(|(at, _)| *at < end);
        for (at, needed) in needs.chain([(end, 0)]) {
            let wanted = needed.clamp(min, max);
            while on > wanted {
                on -= 1;
                set(&mut free_since, on, Some(at));
            }
            while on < wanted {
                let since = free_since.get(on as usize).copied().flatten();
                if let Some(since) = since {
                    if at.saturating_sub(since) > start_up {
                        edges.push((since, -1));
                        edges.push((at, 1));
                    }
                } else {
                    edges.push((at, 1));
                }
                set(&mut free_since, on, None);
                on += 1;
            }
        }
        edges.extend(free_since.iter().flatten().map(|since| (*since, -1)));
        edges.retain(|(at, _)| *at < end || at.is_zero());
        edges.sort_by_key(|(at, _)| *at);
        Schedule { changes: levels(&edges), start_up, end }
    }

    /// Always the same size.
    pub(crate) fn fixed(replicas: u32, start_up: Duration, end: Duration) -> Schedule {
        Schedule { changes: vec![(Duration::ZERO, replicas)], start_up, end }
    }

    /// The largest fixed size that would be cheaper.
    pub(crate) fn cheaper_fixed(&self) -> u32 {
        let secs = self.end.as_secs_f64();
        if secs > 0.0 { ((self.replica_seconds() / secs).ceil() - 1.0).max(0.0) as u32 } else { 0 }
    }

    /// Ready replicas from each time on.
    pub fn ready(&self) -> &[(Duration, u32)] {
        &self.changes
    }

    /// The size to ask for from each time on, so that [`Schedule::ready`] comes true after the start-up time.
    pub fn wanted(&self) -> Vec<(Duration, u32)> {
        let mut edges = vec![(Duration::ZERO, self.changes.first().map_or(0, |c| i64::from(c.1)))];
        for pair in self.changes.windows(2) {
            let by = i64::from(pair[1].1) - i64::from(pair[0].1);
            let at = if by > 0 { pair[1].0.saturating_sub(self.start_up) } else { pair[1].0 };
            edges.push((at, by));
        }
        edges.sort_by_key(|(at, _)| *at);
        levels(&edges)
    }

    /// Ready replicas at a time.
    pub fn at(&self, at: Duration) -> u32 {
        let after = self.changes.partition_point(|c| c.0 <= at);
        after.checked_sub(1).and_then(|i| self.changes.get(i)).map_or(0, |c| c.1)
    }

    /// Likewise, for times that ascend from call to call.
    pub(crate) fn at_from(&self, at: Duration, cursor: &mut usize) -> u32 {
        while self.changes.get(*cursor + 1).is_some_and(|c| c.0 <= at) {
            *cursor += 1;
        }
        self.changes.get(*cursor).map_or(0, |c| c.1)
    }

    /// Tells each change: the time, ready replicas, and all that are paid.
    pub(crate) fn each_size(&self, mut told: impl FnMut(Duration, u32, u32)) {
        let wanted = self.wanted();
        let (mut ready, mut paid) = (self.changes.iter().peekable(), wanted.iter().peekable());
        let mut sizes = (0, 0);
        loop {
            let at = match (ready.peek(), paid.peek()) {
                (Some(r), Some(p)) => r.0.min(p.0),
                (Some(r), None) => r.0,
                (None, Some(p)) => p.0,
                (None, None) => return,
            };
            if let Some(r) = ready.next_if(|r| r.0 == at) {
                sizes.0 = r.1;
            }
            if let Some(p) = paid.next_if(|p| p.0 == at) {
                sizes.1 = p.1;
            }
            told(at, sizes.0, sizes.1.max(sizes.0));
        }
    }

    /// Changes of the size that is asked for, from and to.
    pub(crate) fn moves(&self) -> impl Iterator<Item = (u32, u32)> {
        let wanted = self.wanted();
        (1..wanted.len()).map(move |i| (wanted[i - 1].1, wanted[i].1))
    }

    /// Replicas x time, starts included.
    pub fn replica_seconds(&self) -> f64 {
        let wanted = self.wanted();
        let ends = wanted.iter().skip(1).map(|w| w.0).chain([self.end]);
        wanted.iter().zip(ends).map(|((from, n), to)| f64::from(*n) * to.saturating_sub(*from).as_secs_f64()).sum()
    }
}

fn set(free_since: &mut Vec<Option<Duration>>, layer: u32, to: Option<Duration>) {
    let layer = layer as usize;
    if free_since.len() <= layer {
        free_since.resize(layer + 1, None);
    }
    free_since[layer] = to;
}

/// Sums changes of size that are sorted by time.
fn levels(edges: &[(Duration, i64)]) -> Vec<(Duration, u32)> {
    let mut sum = 0;
    let mut levels: Vec<(Duration, u32)> = Vec::new();
    for (at, by) in edges {
        sum += by;
        let size = u32::try_from(sum).unwrap_or(0);
        match levels.last_mut() {
            Some(last) if last.0 == *at => last.1 = size,
            _ => levels.push((*at, size)),
        }
    }
    levels.dedup_by_key(|l| l.1);
    levels
}
