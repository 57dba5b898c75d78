//! The messages that workers have and have not acknowledged.
//!
//! Decides: which tags must be read, which are gone, and how many of a queue are due, due soon and delayed.
//! Method: a tag's message never changes, so it is read once and only a few facts of it are kept. Where there are more tags than
//!   are kept, the counts of the ones that are kept are scaled up, and said to be an estimate.
//! Tested: `tests` below; `tests/it/depth.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skala_types::Time;

/// What is kept of one message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its queue.
    pub queue: String,
    /// The task's id.
    pub id: String,
    /// The task's name.
    pub name: String,
    /// When it may run, in seconds since 1970.
    pub eta: Option<f64>,
    /// The task's hard time limit in seconds.
    pub hard_limit: Option<f64>,
    /// When skala saw it first.
    pub seen: Time,
    /// The time in the index at the last look.
    pub score: f64,
}

/// What workers have.
#[derive(Clone, Debug, Default)]
pub struct Unacked {
    entries: BTreeMap<String, Entry>,
    /// Tags whose message could not be read: they count nowhere.
    unreadable: BTreeSet<String>,
    total: u64,
}

/// A queue's part of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// Due now.
    pub due: u64,
    /// Due within the horizon.
    pub due_soon: u64,
    /// Due later.
    pub delayed: u64,
    /// Whether the numbers are scaled up.
    pub estimated: bool,
}

impl Unacked {
    /// Takes in the index: tags and their times, at most as many as are to be kept, and how many there are. Returns the tags whose
    /// message must be read.
    pub fn index(&mut self, tags: &[(String, f64)], total: u64) -> Vec<String> {
        self.total = total;
        let here: BTreeSet<&str> = tags.iter().map(|(tag, _)| tag.as_str()).collect();
        self.entries.retain(|tag, _| here.contains(tag.as_str()));
        self.unreadable.retain(|tag| here.contains(tag.as_str()));
        for (tag, score) in tags {
            if let Some(entry) = self.entries.get_mut(tag) {
                entry.score = *score;
            }
        }
        let known = |tag: &str| self.entries.contains_key(tag) || self.unreadable.contains(tag);
        tags.iter().map(|(tag, _)| tag).filter(|tag| !known(tag)).cloned().collect()
    }

    /// Keeps what was read of a message; none where it cannot be.
    pub fn read(&mut self, tag: String, entry: Option<Entry>) {
        match entry {
            Some(entry) => _ = self.entries.insert(tag, entry),
            None => _ = self.unreadable.insert(tag),
        }
    }

    /// Forgets a tag that was given back.
    pub fn forget(&mut self, tag: &str) {
        self.entries.remove(tag);
    }

    /// All that are known.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(tag, entry)| (tag.as_str(), entry))
    }

    /// Whether a task's message is among them.
    pub fn ids(&self) -> BTreeSet<&str> {
        self.entries.values().map(|e| e.id.as_str()).collect()
    }

    /// The messages of a queue at `wall`, in seconds since 1970.
    pub fn of(&self, queue: &str, wall: f64, horizon: Duration) -> Part {
        let mut part = Part { estimated: self.total > (self.entries.len() + self.unreadable.len()) as u64, ..Part::default() };
        for entry in self.entries.values().filter(|e| e.queue == queue) {
            match entry.eta.map_or(0.0, |eta| eta - wall) {
                wait if wait <= 0.0 => part.due += 1,
                wait if wait <= horizon.as_secs_f64() => part.due_soon += 1,
                _ => part.delayed += 1,
            }
        }
        if part.estimated && !self.entries.is_empty() {
            let factor = self.total as f64 / self.entries.len() as f64;
            let scaled = |n: u64| (n as f64 * factor).round() as u64;
            (part.due, part.due_soon, part.delayed) = (scaled(part.due), scaled(part.due_soon), scaled(part.delayed));
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(queue: &str, eta: Option<f64>) -> Entry {
        Entry { queue: queue.to_owned(), eta, ..Entry::default() }
    }

    fn tags(names: &[&str]) -> Vec<(String, f64)> {
        names.iter().map(|n| ((*n).to_owned(), 1.0)).collect()
    }

    #[test]
    fn messages_are_read_once_and_forgotten_when_they_are_gone() {
        let mut unacked = Unacked::default();
        assert_eq!(unacked.index(&tags(&["a", "b", "c"]), 3), ["a", "b", "c"]);
        unacked.read("a".to_owned(), Some(entry("q", None)));
        unacked.read("b".to_owned(), None);
        assert_eq!(unacked.index(&tags(&["a", "b", "c"]), 3), ["c"]);
        assert_eq!(unacked.index(&tags(&["b"]), 1), Vec::<String>::new());
        assert_eq!(unacked.entries().count(), 0);
    }

    #[test]
    fn counts_by_queue_and_due_time() {
        let mut unacked = Unacked::default();
        unacked.index(&tags(&["a", "b", "c", "d"]), 4);
        let rows = [("a", "q", None), ("b", "q", Some(105.0)), ("c", "q", Some(500.0)), ("d", "other", Some(50.0))];
        for (tag, queue, eta) in rows {
            unacked.read(tag.to_owned(), Some(entry(queue, eta)));
        }
        let ten = Duration::from_secs(10);
        assert_eq!(unacked.of("q", 100.0, ten), Part { due: 1, due_soon: 1, delayed: 1, estimated: false });
        assert_eq!(unacked.of("other", 100.0, ten), Part { due: 1, ..Part::default() });
        unacked.index(&tags(&["a", "b", "c", "d"]), 4000);
        assert_eq!(unacked.of("q", 100.0, ten), Part { due: 1000, due_soon: 1000, delayed: 1000, estimated: true });
    }
}
