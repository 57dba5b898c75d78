//! Overlays: the file with one environment's changes.
//!
//! Method: mappings merge by key; lists and single values replace; `null` removes the key. Every node keeps its own place, so a
//!   problem points at the overlay that caused it.

use crate::tree::{Data, Entry, Node};

/// The base with the overlay on top.
pub(crate) fn merge(base: &Node, overlay: &Node) -> Node {
    let (Data::Map(below), Data::Map(above)) = (&base.data, &overlay.data) else { return overlay.clone() };
    let mut entries = below.clone();
    for entry in above {
        let at = entries.iter().position(|e| e.key == entry.key);
        match at {
            Some(at) if entry.value.is_null() => drop(entries.remove(at)),
            Some(at) => entries[at] = merged(&entries[at], entry),
            None if entry.value.is_null() => {}
            None => entries.push(entry.clone()),
        }
    }
    Node { span: base.span, data: Data::Map(entries) }
}

fn merged(below: &Entry, above: &Entry) -> Entry {
    let value = merge(&below.value, &above.value);
    let both_maps = matches!((&below.value.data, &above.value.data), (Data::Map(_), Data::Map(_)));
    let key_span = if both_maps { below.key_span } else { above.key_span };
    Entry { key: below.key.clone(), key_span, value }
}
