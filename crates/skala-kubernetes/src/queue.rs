//! Which autoscaler is looked at next.
//!
//! Decides: the order and the time of looks: once per sync period, sooner after a change, later after failures.
//! Inputs: keys, changes, outcomes; the monotonic clock as an argument.
//! Method: a set ordered by due time. Objects of one namespace share a phase of the period, so that one list of its pods' metrics
//!   serves them all; namespaces are spread over the period.
//! Invariants: an object is in the queue at most once and is never worked on twice at a time; the queue is as long as there are
//!   objects; a change seen during a look leads to another look.
//! Tested: `tests` below.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::jitter;
use crate::watch::Key;

/// Least time between two looks at one object, however often it changes.
const SETTLE: Duration = Duration::from_millis(200);
/// Lasting failures stretch the period up to this many times.
const LONGEST_STRETCH: u32 = 8;

/// How a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Well, or with something that the next round sees anyway.
    Well,
    /// Something that will not pass by itself: the target is missing, the spec is wrong, a right is missing.
    Lasting,
}

#[derive(Debug)]
struct Entry {
    due: Instant,
    running: bool,
    changed: bool,
    failures: u32,
}

/// Objects by due time.
#[derive(Debug)]
pub(crate) struct Queue {
    period: Duration,
    start: Instant,
    entries: BTreeMap<Key, Entry>,
    order: BTreeSet<(Instant, Key)>,
}

impl Queue {
    pub(crate) fn new(period: Duration, start: Instant) -> Queue {
        Queue { period, start, entries: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// Objects known, due or not.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Objects that are due and not worked on.
    pub(crate) fn waiting(&self, now: Instant) -> usize {
        self.order.iter().take_while(|(due, _)| *due <= now).count()
    }

    /// The object is new or has changed.
    pub(crate) fn changed(&mut self, key: &Key, now: Instant) {
        match self.entries.get_mut(key) {
            None => self.insert(key.clone(), now, 0),
            Some(entry) if entry.running => entry.changed = true,
            Some(entry) => {
                let due = entry.due.min(now + SETTLE);
                self.order.remove(&(entry.due, key.clone()));
                entry.due = due;
                self.order.insert((due, key.clone()));
            }
        }
    }

    /// The object exists: it is looked at in its turn, if it is not in the queue already.
    pub(crate) fn known(&mut self, key: &Key, now: Instant) {
        if !self.entries.contains_key(key) {
            self.insert(key.clone(), now, 0);
        }
    }

    /// The object is gone; a look under way ends by itself.
    pub(crate) fn forget(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&(entry.due, key.clone()));
        }
    }

    /// The next object that is due.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Key> {
        let (due, _) = self.order.first()?;
        if *due > now {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        if let Some(entry) = self.entries.get_mut(&key) {
            (entry.running, entry.changed) = (true, false);
        }
        Some(key)
    }

    /// When the next object is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }

    /// A look has ended.
    pub(crate) fn done(&mut self, key: &Key, ended: Ended, now: Instant) {
        let Some(entry) = self.entries.remove(key) else { return };
        let failures = if ended == Ended::Lasting { entry.failures.saturating_add(1) } else { 0 };
        let due = if entry.changed { now + SETTLE } else { self.phase_after(key, failures, now) };
        self.insert(key.clone(), due, failures);
    }

    fn insert(&mut self, key: Key, due: Instant, failures: u32) {
        self.order.insert((due, key.clone()));
        self.entries.insert(key, Entry { due, running: false, changed: false, failures });
    }

    /// The next moment of the namespace's phase, some periods later after failures.
    fn phase_after(&self, key: &Key, failures: u32, now: Instant) -> Instant {
        let period = self.period.max(Duration::from_millis(1));
        let phase = period.mul_f64(jitter::fraction(&key.namespace, 0));
        let since = now.saturating_duration_since(self.start + phase);
        let rounds = (since.as_nanos() / period.as_nanos()).saturating_add(1);
        let stretch = if failures == 0 { 0 } else { (1u32 << failures.min(8)).min(LONGEST_STRETCH) - 1 };
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX / 2).saturating_add(stretch);
        // A look within a quarter of a period after the last would be a waste.
        let next = self.start + phase + period.saturating_mul(rounds);
        if next.saturating_duration_since(now) < period / 4 { next + period } else { next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(15);

    fn key(namespace: &str, name: &str) -> Key {
        Key::new(namespace, name)
    }

    #[test]
    fn each_object_comes_once_per_period() {
        let start = Instant::now();
        let mut queue = Queue::new(PERIOD, start);
        let keys: Vec<Key> = (0..50).map(|i| key(&format!("ns{}", i % 7), &format!("web{i}"))).collect();
        keys.iter().for_each(|k| queue.changed(k, start));
        let mut looks: BTreeMap<Key, Vec<Duration>> = BTreeMap::new();
        for step in 0..1200u32 {
            let now = start + Duration::from_millis(100) * step;
            while let Some(k) = queue.take(now) {
                looks.entry(k.clone()).or_default().push(now - start);
                queue.done(&k, Ended::Well, now);
            }
        }
        assert_eq!(looks.len(), 50);
        for times in looks.values() {
            assert!((7..=9).contains(&times.len()), "{times:?}");
            assert!(times.windows(2).skip(1).all(|w| w[1] - w[0] == PERIOD), "{times:?}");
        }
        let of = |ns: &str| looks.iter().filter(|(k, _)| &*k.namespace == ns).map(|(_, t)| t[3]).collect::<BTreeSet<_>>();
        assert_eq!(of("ns0").len(), 1, "one namespace, one phase");
        assert_ne!(of("ns0"), of("ns1"));
    }

    #[test]
    fn a_change_hurries_but_never_doubles() {
        let start = Instant::now();
        let mut queue = Queue::new(PERIOD, start);
        let web = key("a", "web");
        queue.changed(&web, start);
        assert_eq!(queue.take(start), Some(web.clone()));
        queue.changed(&web, start);
        assert_eq!(queue.take(start + PERIOD * 9), None, "a look is under way");
        queue.done(&web, Ended::Well, start);
        assert_eq!(queue.take(start + SETTLE), Some(web.clone()), "it changed meanwhile");
        queue.done(&web, Ended::Well, start + SETTLE);
        assert_eq!(queue.waiting(start + SETTLE), 0);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn lasting_failures_stretch_the_period_up_to_a_bound() {
        let start = Instant::now();
        let mut queue = Queue::new(PERIOD, start);
        let web = key("a", "web");
        queue.changed(&web, start);
        let (mut now, mut gaps) = (start, Vec::new());
        for _ in 0..7 {
            assert!(queue.take(now).is_some());
            queue.done(&web, Ended::Lasting, now);
            let due = queue.next_due().unwrap();
            gaps.push((due - now).as_secs_f64() / PERIOD.as_secs_f64());
            now = due;
        }
        assert!(gaps[1] > 3.5 && gaps[6] <= 9.0, "{gaps:?}");
        assert!(queue.take(now).is_some());
        queue.done(&web, Ended::Well, now);
        assert!(queue.next_due().unwrap() - now <= PERIOD * 5 / 4);
    }

    #[test]
    fn what_is_gone_does_not_come_back() {
        let start = Instant::now();
        let mut queue = Queue::new(PERIOD, start);
        let web = key("a", "web");
        queue.changed(&web, start);
        assert!(queue.take(start).is_some());
        queue.forget(&web);
        queue.done(&web, Ended::Well, start);
        assert_eq!((queue.len(), queue.next_due()), (0, None));
    }
}
