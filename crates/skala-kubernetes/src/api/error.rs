//! What can go wrong with one request, sorted by what the controller does about it.

use std::time::Duration;

/// One request that had no useful answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server answered with a `Status`.
    #[error("{reason} ({code}): {message}")]
    Status {
        /// HTTP status code.
        code: u16,
        /// Kubernetes' reason, such as `NotFound`; empty when the answer was no `Status`.
        reason: String,
        /// The server's words.
        message: String,
        /// For how long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server asked to be left alone for longer than this request may take.
    #[error("the API server asked to wait; {} s are left", .0.as_secs())]
    ToldToWait(Duration),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The connection failed.
    #[error("the API server could not be reached")]
    Unreachable(#[source] Box<kube::Error>),
    /// The answer was not what it should be. Its text is not kept: it may hold a secret.
    #[error("the answer could not be read: {0}")]
    Unreadable(String),
    /// The request could not be made, such as with a name that no path can carry.
    #[error("the request could not be built: {0}")]
    Unbuildable(String),
}

impl ApiError {
    /// The HTTP status, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            ApiError::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Somebody else wrote first.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// The watch's place in the history is gone.
    pub fn is_expired(&self) -> bool {
        matches!(self, ApiError::Status { code: 410, .. })
            || matches!(self, ApiError::Status { reason, .. } if reason == "Expired" || reason == "Gone")
    }

    /// Worth another try soon: nothing is wrong with the request itself.
    pub fn is_transient(&self) -> bool {
        match self {
            ApiError::Status { code, .. } => *code == 429 || *code >= 500 || *code == 409,
            ApiError::TimedOut(_) | ApiError::Unreachable(_) | ApiError::ToldToWait(_) => true,
            ApiError::Unreadable(_) | ApiError::Unbuildable(_) => false,
        }
    }

    /// From an answer that is not a success. Its text is kept only where it is a `Status`.
    pub(crate) fn refused(head: &http::response::Parts, body: &[u8]) -> ApiError {
        let seconds = head.headers.get(http::header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse().ok());
        let said: Option<kube::core::Status> = serde_json::from_slice(body).ok();
        let in_body = said.as_ref().and_then(|s| s.details.as_ref()).map(|d| d.retry_after_seconds).filter(|s| *s > 0);
        let unexplained = || head.status.canonical_reason().unwrap_or("refused").to_owned();
        ApiError::Status {
            code: head.status.as_u16(),
            reason: said.as_ref().map(|s| s.reason.clone()).unwrap_or_default(),
            message: said.map_or_else(unexplained, |s| bounded(&s.message)),
            retry_after: seconds.or(in_body.map(u64::from)).map(Duration::from_secs),
        }
    }

    /// For how long the server wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            ApiError::Status { retry_after, .. } => *retry_after,
            ApiError::ToldToWait(left) => Some(*left),
            _ => None,
        }
    }

    /// A short, stable word for conditions and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            ApiError::Status { code: 404, .. } => "NotFound",
            ApiError::Status { code: 409, .. } => "Conflict",
            ApiError::Status { code: 403, .. } => "Forbidden",
            ApiError::Status { code: 401, .. } => "Unauthorized",
            ApiError::Status { code: 429, .. } => "TooManyRequests",
            ApiError::Status { code, .. } if *code >= 500 => "ServerError",
            ApiError::Status { .. } => "Refused",
            ApiError::ToldToWait(_) => "ToldToWait",
            ApiError::TimedOut(_) => "Timeout",
            ApiError::Unreachable(_) => "Unreachable",
            ApiError::Unreadable(_) => "Unreadable",
            ApiError::Unbuildable(_) => "Unbuildable",
        }
    }
}

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> ApiError {
        match error {
            kube::Error::Api(status) => {
                let seconds = status.details.as_ref().map(|d| u64::from(d.retry_after_seconds)).filter(|s| *s > 0);
                ApiError::Status {
                    code: status.code,
                    reason: status.reason.clone(),
                    message: bounded(&status.message),
                    retry_after: seconds.map(Duration::from_secs),
                }
            }
            kube::Error::SerdeError(e) => ApiError::Unreadable(e.to_string()),
            other => ApiError::Unreachable(Box::new(other)),
        }
    }
}

/// The most bytes of somebody else's words that are kept; conditions and events are stored in the cluster.
const MESSAGE_BYTES: usize = 500;

/// A text cut to what a condition may hold.
pub(crate) fn bounded(text: &str) -> String {
    if text.len() <= MESSAGE_BYTES {
        return text.to_owned();
    }
    let mut end = MESSAGE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}
