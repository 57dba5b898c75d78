//! Answers that many share: asked once, kept for a while, however many want them at the same time.
//!
//! Invariants: one request per key at a time; an answer, good or bad, is not used beyond its time; at most `bound` keys.
//! Tested: `tests` below.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

/// An answer, or why there is none; shared.
pub(crate) type Answer<V> = Result<Arc<V>, Arc<str>>;

struct Slot<V> {
    begun: Instant,
    cell: Arc<OnceCell<Answer<V>>>,
}

/// Shared answers by key.
pub(crate) struct Once<K, V> {
    lasts: Duration,
    bound: usize,
    slots: Mutex<HashMap<K, Slot<V>>>,
}

impl<K: Eq + Hash + Clone, V> Once<K, V> {
    pub(crate) fn new(lasts: Duration, bound: usize) -> Once<K, V> {
        Once { lasts, bound, slots: Mutex::new(HashMap::new()) }
    }

    /// The shared answer, or a new one from `ask`.
    pub(crate) async fn get<F: Future<Output = Result<V, String>>>(&self, key: &K, ask: impl FnOnce() -> F) -> Answer<V> {
        let cell = self.cell(key);
        let answer = cell.get_or_init(|| async { ask().await.map(Arc::new).map_err(Arc::from) }).await;
        answer.clone()
    }

    fn cell(&self, key: &K) -> Arc<OnceCell<Answer<V>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(slot) = slots.get(key).filter(|slot| now.duration_since(slot.begun) < self.lasts) {
            return slot.cell.clone();
        }
        if slots.len() >= self.bound {
            slots.retain(|_, slot| now.duration_since(slot.begun) < self.lasts);
        }
        if slots.len() >= self.bound {
            // More keys than anybody foresaw: answers are then not shared, but still right.
            return Arc::default();
        }
        let cell = Arc::<OnceCell<_>>::default();
        slots.insert(key.clone(), Slot { begun: now, cell: cell.clone() });
        cell
    }

    /// Asks again next time if the answer was a failure.
    pub(crate) fn drop_failures(&self, key: &K) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(key).is_some_and(|slot| slot.cell.get().is_some_and(Result::is_err)) {
            slots.remove(key);
        }
    }

    /// Drops what is over.
    pub(crate) fn tidy(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| slot.begun.elapsed() < self.lasts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn many_askers_one_question() {
        let once: Once<&str, u32> = Once::new(Duration::from_secs(60), 10);
        let asked = AtomicU32::new(0);
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(7)
        };
        let all = futures_util::future::join_all((0..20).map(|_| once.get(&"a", ask))).await;
        assert!(all.iter().all(|a| a.as_deref() == Ok(&7)));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn failures_are_shared_and_nothing_outlives_its_time() {
        let once: Once<u32, u32> = Once::new(Duration::ZERO, 2);
        assert_eq!(once.get(&1, || async { Err("down".to_owned()) }).await.unwrap_err().as_ref(), "down");
        assert_eq!(once.get(&1, || async { Ok(2) }).await.as_deref(), Ok(&2));
        for key in 0..100 {
            once.get(&key, || async { Ok(key) }).await.unwrap();
        }
        assert!(once.slots.lock().unwrap().len() <= 2);
        once.tidy();
        assert!(once.slots.lock().unwrap().is_empty());
    }
}
