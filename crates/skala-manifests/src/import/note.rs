//! What could not be carried over.
//!
//! Decides: nothing; it is the shape of a note, and where notes are gathered.
//! Invariants: at most [`MOST`] notes are kept; the last one says how many more there were. No note repeats a secret's value.
//! Tested: `tests/it/import`.

use serde::Serialize;

/// Most notes that are kept.
const MOST: usize = 10_000;

/// Something of the input that the output does not have, or has in another way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Name of the input.
    pub file: String,
    /// Line in it, from 1.
    pub line: usize,
    /// The object: `ScaledObject shop/worker`.
    pub object: String,
    /// The field, such as `spec.triggers[0].metadata.address`.
    pub field: String,
    /// Why it is not carried over as it is.
    pub reason: String,
    /// What to do.
    pub help: String,
}

/// An object of the input, as notes name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub file: String,
    pub object: String,
    pub line: usize,
}

/// Gathers notes.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    found: Vec<Note>,
    dropped: usize,
}

impl Notes {
    pub(crate) fn add(&mut self, origin: &Origin, line: usize, field: &str, reason: impl Into<String>, help: impl Into<String>) {
        if self.found.len() >= MOST {
            self.dropped += 1;
            return;
        }
        let Origin { file, object, .. } = origin.clone();
        let (field, reason, help) = (short(field), reason.into(), help.into());
        self.found.push(Note { file, line, object, field, reason, help });
    }

    /// In the order of the input: files as given, then lines.
    pub(crate) fn finish(mut self, files: &[&str]) -> Vec<Note> {
        let place = |note: &Note| (files.iter().position(|f| *f == note.file), note.line);
        self.found.sort_by_key(place);
        self.found.dedup();
        if let (Some(last), true) = (self.found.last().cloned(), self.dropped > 0) {
            let reason = format!("{} more notes are left out", self.dropped);
            self.found.push(Note { reason, field: String::new(), help: "import fewer files at a time".to_owned(), ..last });
        }
        self.found
    }
}

/// A text of the input, cut for people.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
