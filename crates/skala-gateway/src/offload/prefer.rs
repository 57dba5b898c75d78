//! `Prefer` (RFC 7240): what a client would like, and the server may ignore.
//!
//! Decides: whether a request is to be done later, and how long its client would wait.
//! Invariants: what cannot be read is ignored, as the RFC has it; the first of several equal preferences counts.
//! Tested: `tests` below.

use std::time::Duration;

/// The preferences that the gateway knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `respond-async`: accept the request and answer later.
    pub respond_async: bool,
    /// `wait=N`: so many seconds are fine to wait.
    pub wait: Option<Duration>,
}

impl Prefer {
    /// Takes in one header.
    pub(crate) fn read(&mut self, value: &[u8]) {
        let Ok(text) = std::str::from_utf8(value) else { return };
        for preference in text.split(',') {
            // Parameters follow a semicolon; none of those known has any.
            let preference = preference.split(';').next().unwrap_or_default().trim_matches([' ', '\t']);
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let (name, value) = (name.trim_end(), value.trim_start().trim_matches('"'));
            if name.eq_ignore_ascii_case("respond-async") {
                self.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") && self.wait.is_none() {
                self.wait = seconds(value);
            }
        }
    }
}

/// Whole seconds, digits only.
fn seconds(text: &str) -> Option<Duration> {
    let digits = (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok().map(Duration::from_secs)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_and_others_ignored() {
        let secs = |n| Some(Duration::from_secs(n));
        let rows: [(&[&str], bool, Option<Duration>); 11] = [
            (&["respond-async"], true, None),
            (&["Respond-Async, wait=10"], true, secs(10)),
            (&["respond-async; x=1", "wait=\"5\""], true, secs(5)),
            (&["wait = 3"], false, secs(3)),
            (&["wait=1, wait=9"], false, secs(1)),
            (&["wait=-1"], false, None),
            (&["wait=1.5"], false, None),
            (&["wait=99999999999999999999"], false, None),
            (&["return=minimal, handling=lenient"], false, None),
            (&["respond-asyncx"], false, None),
            (&[",,;=", ""], false, None),
        ];
        for (headers, respond_async, wait) in rows {
            let mut found = Prefer::default();
            headers.iter().for_each(|h| found.read(h.as_bytes()));
            assert_eq!(found, Prefer { respond_async, wait }, "{headers:?}");
        }
        let mut found = Prefer::default();
        found.read(b"\xff, respond-async");
        assert_eq!(found, Prefer::default());
    }
}
