//! The platform file with better settings in it.
//!
//! Decides: whether the text can be edited in place: only when loading it again gives exactly the platform that was found.
//! Invariants: comments and everything that is not changed stay as they are.

use std::fmt::Write as _;
use std::path::Path;

use skala_sim::tune::{Knob, Value};
use skala_spec::Platform;
use skala_spec::edit;

use crate::files;

/// A setting of a service that gets another value.
#[derive(Clone, Debug)]
pub struct Change {
    /// Whose.
    pub service: String,
    /// Which.
    pub knob: Knob,
    /// The new value.
    pub value: Value,
}

/// The text with the changes in it, when it means `wanted`.
pub fn edited(path: &Path, environment: Option<&str>, text: &str, changes: &[Change], wanted: &Platform) -> Option<String> {
    let mut edited = text.to_owned();
    for change in changes {
        edited = one(&edited, environment, change)?;
    }
    let again = files::parse(path, environment, &edited).platform?;
    (again == *wanted).then_some(edited)
}

fn one(text: &str, environment: Option<&str>, change: &Change) -> Option<String> {
    let service = ["services", change.service.as_str(), "autoscaling"];
    let below: Vec<&str> = change.knob.path.iter().map(String::as_str).collect();
    let mut path = [&service[..], &below].concat();
    // What the overlay says wins, so that is where it is changed.
    if let Some(name) = environment {
        let overlay = [&["environments", name], &service[..], &below].concat();
        if edit::present(text, &overlay[..6]) {
            path = overlay;
        }
    }
    edit::set(text, &path, &change.value.yaml())
}

/// The changes of a service as a block to paste.
pub fn block(service: &str, changes: &[Change]) -> String {
    let mut out = format!("services:\n  {service}:\n    autoscaling:\n");
    let mut open: Vec<&str> = Vec::new();
    for change in changes.iter().filter(|c| c.service == service) {
        let path: Vec<&str> = change.knob.path.iter().map(String::as_str).collect();
        let (last, parents) = path.split_last().unwrap_or((&"", &[]));
        let common = parents.iter().zip(&open).take_while(|(a, b)| a == b).count();
        open.truncate(common);
        for parent in &parents[common..] {
            let indent = 6 + open.len() * 2;
            let _ = match parent.parse::<usize>() {
                Ok(n) => writeln!(out, "{:indent$}# item {} of the list:", "", n + 1),
                Err(_) => writeln!(out, "{:indent$}{parent}:", ""),
            };
            open.push(parent);
        }
        let indent = 6 + open.len() * 2;
        let _ = writeln!(out, "{:indent$}{last}: {}", "", change.value.yaml());
    }
    out
}
