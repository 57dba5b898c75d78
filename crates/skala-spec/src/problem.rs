//! What is wrong in a platform file: one value per finding, complete enough to draw the line with a caret.
//!
//! Decides: nothing; it is the shape of a finding.
//! Units: spans are byte offsets into the source; lines and columns count from 1, columns in characters.
//! Invariants: no text of a problem contains a value that came from the environment or from a secret file.
//! Tested: `tests/it/problems.rs` (every listing prints through `Display`).

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

/// A range of the source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
}

/// Whether a problem stops the file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot run like this.
    Error,
    /// The file runs, but probably not as meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One finding in a platform file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code. E01: YAML; E02: grammar; E03: substitution and environments; E04: services; E05: autoscaling;
    /// E06: routes, addresses and objectives; E07: budgets, databases, providers and what is planned; E08: queues, schedules and the
    /// task server. Warnings start with W.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// Name of the source that the span points into.
    pub file: String,
    /// The environment whose overlay brings the problem about, when the file without it is fine there.
    pub environment: Option<String>,
    /// Field, such as `services.api.autoscaling.minReplicas`; empty for the whole file.
    pub path: String,
    /// Where.
    pub span: Span,
    /// What is wrong, one line.
    pub message: String,
    /// Why that is a problem; may be empty when the message says it.
    pub reason: String,
    /// How to fix it; may be empty.
    pub help: String,
}

impl Problem {
    /// Whether this stops the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    /// `skala.yaml:12:5: error[E0201] services.api: message (reason) -> help`, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, span, severity, code, path, message, reason, help, environment } = self;
        write!(f, "{file}:{}:{}: {severity}[{code}]", span.line, span.column)?;
        if !path.is_empty() {
            write!(f, " {path}:")?;
        }
        write!(f, " {message}")?;
        if let Some(environment) = environment {
            write!(f, " [environment {environment}]")?;
        }
        if !reason.is_empty() {
            write!(f, " ({reason})")?;
        }
        if !help.is_empty() {
            write!(f, " -> {help}")?;
        }
        Ok(())
    }
}

/// Bytes from which a text of the environment may be a secret.
const SECRET: usize = 4;
/// Most texts that are looked for in a message.
const MOST_HIDDEN: usize = 1000;

/// The text of a problem, before it is placed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) message: String,
    pub(crate) reason: String,
    pub(crate) help: String,
}

impl Text {
    pub(crate) fn new(message: impl Into<String>) -> Text {
        Text { message: message.into(), ..Text::default() }
    }

    pub(crate) fn because(mut self, reason: impl Into<String>) -> Text {
        self.reason = reason.into();
        self
    }

    /// The same with these texts hidden. Short ones and numbers stay: they are no secrets, and they are parts of other words. Of more
    /// texts than can be looked for, nothing is said but that something is wrong.
    pub(crate) fn hiding(mut self, texts: &BTreeSet<String>) -> Text {
        if texts.len() > MOST_HIDDEN {
            return Text::new("this contradicts another field").fix("take fewer values from the environment to see which");
        }
        for text in texts.iter().filter(|text| text.len() >= SECRET && text.parse::<f64>().is_err()) {
            for part in [&mut self.message, &mut self.reason, &mut self.help] {
                if part.contains(text.as_str()) {
                    *part = part.replace(text.as_str(), "***");
                }
            }
        }
        self
    }

    pub(crate) fn fix(mut self, help: impl Into<String>) -> Text {
        self.help = help.into();
        self
    }
}

/// Collects problems of one variant of the file.
#[derive(Debug)]
pub(crate) struct Sink {
    file: String,
    pub(crate) problems: Vec<Problem>,
}

impl Sink {
    pub(crate) fn new(file: &str) -> Sink {
        Sink { file: file.to_owned(), problems: Vec::new() }
    }

    /// Adds a problem; a code that starts with `W` is a warning.
    pub(crate) fn add(&mut self, code: &'static str, path: &str, span: Span, text: Text) {
        let severity = if code.starts_with('W') { Severity::Warning } else { Severity::Error };
        let Text { message, reason, help } = text;
        let (file, path) = (self.file.clone(), path.to_owned());
        self.problems.push(Problem { code, severity, file, environment: None, path, span, message, reason, help });
    }
}
