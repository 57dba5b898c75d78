//! Changes of one hold of the lock, on their way to the writer.

use skala_queue::{Answer, Change, Durability, Seq};

/// Changes of one or more answers; they are committed together.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// In order.
    pub(crate) changes: Vec<Change>,
    /// The last answer's.
    pub(crate) seq: Seq,
    durability: Option<Durability>,
}

impl Outbox {
    /// Takes an answer's changes and gives its value.
    pub(crate) fn add<T>(&mut self, answer: Answer<T>) -> T {
        if !answer.changes.is_empty() {
            self.durability = self.durability.max(Some(answer.durability));
            if self.changes.is_empty() {
                self.changes = answer.changes;
            } else {
                self.changes.extend(answer.changes);
            }
        }
        self.seq = self.seq.max(answer.seq);
        answer.value
    }

    /// Further changes, which must survive everything.
    pub(crate) fn extend(&mut self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.durability = Some(Durability::Fsync);
            self.changes.extend(changes);
        }
    }

    /// What there is, if there is anything.
    pub(crate) fn drain(&mut self) -> Option<(Vec<Change>, Durability)> {
        if self.changes.is_empty() {
            return None;
        }
        Some((std::mem::take(&mut self.changes), self.durability.take().unwrap_or_default()))
    }
}
