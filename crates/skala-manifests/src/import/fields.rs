//! Reads an object's fields and remembers which were read.
//!
//! Decides: nothing is dropped silently: what nobody asked for becomes a note.
//! Tested: `tests/it/import`.

use super::note::{Notes, Origin, short};
use super::tree::{Entry, Node};

/// The fields of one mapping.
pub(crate) struct Fields<'a> {
    pub origin: &'a Origin,
    pub path: String,
    pub line: usize,
    entries: &'a [Entry],
    read: Vec<bool>,
}

impl<'a> Fields<'a> {
    /// `node` must be a mapping; anything else but null is named.
    pub(crate) fn new(origin: &'a Origin, node: &'a Node, path: impl Into<String>, notes: &mut Notes) -> Fields<'a> {
        let path = path.into();
        let entries = node.entries();
        if entries.is_empty() && !node.is_null() && !matches!(node.data, super::tree::Data::Map(_)) {
            notes.add(origin, node.line, &path, "this is not a mapping", "correct it in the manifest");
        }
        Fields { origin, path, line: node.line, entries, read: vec![false; entries.len()] }
    }

    pub(crate) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn line_of(&self, key: &str) -> usize {
        self.entries.iter().find(|e| e.key == key).map_or(self.line, |e| e.line)
    }

    /// The value of a key, unless it is absent or null.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'a Node> {
        let at = self.entries.iter().position(|e| e.key == key)?;
        self.read[at] = true;
        Some(&self.entries[at].value).filter(|v| !v.is_null())
    }

    pub(crate) fn text(&mut self, key: &str, notes: &mut Notes) -> Option<&'a str> {
        let node = self.take(key)?;
        if node.text().is_none() {
            self.note(key, "this is not a text", "correct it in the manifest", notes);
        }
        node.text()
    }

    pub(crate) fn int(&mut self, key: &str, notes: &mut Notes) -> Option<i64> {
        let node = self.take(key)?;
        let found = node.text().and_then(|t| t.parse().ok());
        if found.is_none() {
            self.note(key, "this is not a whole number", "correct it in the manifest", notes);
        }
        found
    }

    pub(crate) fn boolean(&mut self, key: &str, notes: &mut Notes) -> Option<bool> {
        let node = self.take(key)?;
        let found = node.text().and_then(truth);
        if found.is_none() {
            self.note(key, "this is neither true nor false", "correct it in the manifest", notes);
        }
        found
    }

    pub(crate) fn map(&mut self, key: &str, notes: &mut Notes) -> Option<Fields<'a>> {
        let node = self.take(key)?;
        let path = self.at(key);
        Some(Fields::new(self.origin, node, path, notes))
    }

    pub(crate) fn list(&mut self, key: &str, notes: &mut Notes) -> &'a [Node] {
        let Some(node) = self.take(key) else { return &[] };
        if !matches!(node.data, super::tree::Data::List(_)) {
            self.note(key, "this is not a list", "correct it in the manifest", notes);
        }
        node.items()
    }

    /// Fields that say nothing which could be carried over, or whose meaning is the same without them.
    pub(crate) fn ignore(&mut self, keys: &[&str]) {
        for (entry, read) in self.entries.iter().zip(&mut self.read) {
            *read |= keys.contains(&entry.key.as_str());
        }
    }

    /// Says why a field that is there is not carried over.
    pub(crate) fn note(&self, key: &str, reason: impl Into<String>, help: impl Into<String>, notes: &mut Notes) {
        notes.add(self.origin, self.line_of(key), &self.at(key), reason, help);
    }

    /// Takes fields away with one reason for all of them.
    pub(crate) fn refuse(&mut self, keys: &[&str], reason: &str, help: &str, notes: &mut Notes) {
        for key in keys {
            if self.take(key).is_some() {
                self.note(key, reason, help, notes);
            }
        }
    }

    /// Keys that nobody asked for yet and that are not null.
    pub(crate) fn unread(&self) -> impl Iterator<Item = &'a Entry> + '_ {
        self.entries.iter().zip(&self.read).filter(|(e, read)| !**read && !e.value.is_null()).map(|(e, _)| e)
    }

    /// Names what nobody asked for.
    pub(crate) fn finish(self, notes: &mut Notes) {
        for entry in self.unread() {
            let reason = "this field is not known here";
            notes.add(
                self.origin,
                entry.line,
                &self.at(&entry.key),
                reason,
                "look whether it matters, and write what is meant by hand",
            );
        }
    }
}

/// Booleans as manifests and annotations write them.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "t" | "T" | "1" => Some(true),
        "false" | "False" | "FALSE" | "f" | "F" | "0" => Some(false),
        _ => None,
    }
}

/// A text in backquotes, cut for people.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", short(text))
}
