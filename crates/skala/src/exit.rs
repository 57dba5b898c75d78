//! How a verb ends: exit codes and errors for people.
//!
//! Exit codes: 0 ok; 1 failed; 2 usage; 3 findings; 4 threshold missed; 5 invalid measurement; 6 timed out; 130 interrupted.

use std::fmt;

/// The verb failed.
pub const FAILED: u8 = 1;
/// The command line makes no sense.
pub const USAGE: u8 = 2;
/// `check` found something, or a platform file has errors.
pub const FINDINGS: u8 = 3;
/// A threshold or an objective was missed.
pub const THRESHOLD: u8 = 4;
/// It took too long.
pub const TIMED_OUT: u8 = 6;
/// Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// An end that is not 0, with what to tell the user (already shown when empty).
#[derive(Debug)]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Exit {
    /// An error with a way out.
    pub fn new(code: u8, message: impl Into<String>, help: impl Into<String>) -> Exit {
        Exit { code, message: message.into(), help: Some(help.into()) }
    }

    /// An exit code whose reason was already shown.
    pub fn silent(code: u8) -> Exit {
        Exit { code, message: String::new(), help: None }
    }

    /// Tells the user on stderr.
    pub fn show(&self) {
        if self.message.is_empty() {
            return;
        }
        eprintln!("error: {}", self.message);
        if let Some(help) = &self.help {
            eprintln!("help: {help}");
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<anyhow::Error> for Exit {
    /// The chain of causes, outermost first.
    fn from(error: anyhow::Error) -> Exit {
        Exit { code: FAILED, message: format!("{error:#}"), help: None }
    }
}

/// What a verb returns.
pub type Outcome = Result<(), Exit>;
