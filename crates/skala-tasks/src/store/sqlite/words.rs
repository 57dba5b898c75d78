//! Texts that many tasks share: one copy in memory instead of one per task.
//!
//! Invariants: bounded; beyond [`MOST`] texts it begins anew.

use std::collections::HashSet;

use skala_types::Text;

/// Most texts that are remembered.
const MOST: usize = 10_000;
/// Longer texts are not shared.
const LONGEST: usize = 64;

/// Names of tasks, tenants, media types.
#[derive(Debug, Default)]
pub(super) struct Words {
    known: HashSet<Text>,
    empty: Text,
}

impl Words {
    pub(super) fn text(&mut self, text: &str) -> Text {
        if text.is_empty() {
            return self.empty.clone();
        }
        if text.len() > LONGEST {
            return text.into();
        }
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let text = Text::from(text);
        self.known.insert(text.clone());
        text
    }
}
