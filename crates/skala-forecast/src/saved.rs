//! A forecaster's state as it is stored, and how it is brought back.
//!
//! Decides: whether a stored state can be trusted.
//! Inputs: what was stored, by this version or another, whole or damaged.
//! Invariants: a state that cannot be used is refused with the reason, whatever its content; the document around it stays readable.
//! Tested: `tests/it/restart.rs`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the stored form; a state of another version is dropped.
pub(crate) const VERSION: u32 = 1;

/// A forecaster's state, to be stored inside a larger document.
///
/// Its body is only looked at by [`crate::Forecaster::restore`], so a document that holds an older or damaged state can still be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// Version of the form of the body.
    pub version: u32,
    /// The state.
    pub body: Value,
}

/// Why a stored state was dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It was stored by another version.
    #[error("the stored forecast state has version {found}, this release reads {VERSION}: forecasting starts anew")]
    Version {
        /// Version found.
        found: u32,
    },
    /// It does not fit together.
    #[error("the stored forecast state is damaged ({what}): forecasting starts anew")]
    Damaged {
        /// What does not fit.
        what: String,
    },
}
