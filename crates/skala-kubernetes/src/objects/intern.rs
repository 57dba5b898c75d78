//! Texts that many objects share, kept once: label keys and values, container names.
//!
//! Invariants: what nobody uses any more is let go when the table has doubled.
//! Tested: `tests` below.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

#[derive(Debug, Default)]
struct Table {
    texts: HashSet<Arc<str>>,
    tidy_at: usize,
}

/// The shared copy of a text.
pub(crate) fn intern(text: &str) -> Arc<str> {
    static TABLE: OnceLock<Mutex<Table>> = OnceLock::new();
    let mut table = TABLE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = table.texts.get(text) {
        return known.clone();
    }
    if table.texts.len() >= table.tidy_at {
        table.texts.retain(|text| Arc::strong_count(text) > 1);
        table.tidy_at = (table.texts.len() * 2).max(1024);
    }
    let shared: Arc<str> = text.into();
    table.texts.insert(shared.clone());
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_and_no_leak() {
        assert!(Arc::ptr_eq(&intern("app.kubernetes.io/name"), &intern("app.kubernetes.io/name")));
        let kept: Vec<Arc<str>> = (0..10).map(|i| intern(&format!("kept{i}"))).collect();
        for i in 0..100_000 {
            drop(intern(&format!("passing{i}")));
        }
        assert!(kept.iter().enumerate().all(|(i, k)| Arc::ptr_eq(k, &intern(&format!("kept{i}")))));
    }
}
