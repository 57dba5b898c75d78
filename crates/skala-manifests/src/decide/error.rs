//! Why a document cannot be decided on.

use serde::Serialize;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}{message}", path.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
pub struct DocumentError {
    /// What.
    pub message: String,
    /// The field, such as `pods[2].status.startTime`.
    pub path: Option<String>,
    /// The line of the input, from 1.
    pub line: Option<usize>,
}

impl DocumentError {
    /// A problem of a field.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> DocumentError {
        DocumentError { message: message.into(), path: Some(path.into()).filter(|p| !p.is_empty() && p != "."), line: None }
    }
}
