//! Why a source gave no number.
//!
//! Invariants: no text of it holds a secret of the source: [`Error::redacted`] is the last step of every look.
//! Tested: `tests` below.

use std::time::Duration;

use skala_spec::model::{Source, Url};

/// Longest part of a server's own words that is kept, in characters.
const MAX_WORDS: usize = 200;

/// Shortest value in a URL's query that counts as a secret of its own, in bytes: a page number is none.
const MIN_QUERY_SECRET: usize = 6;

/// Why a source gave no number; completes "failed to ...".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The source contradicts itself.
    #[error("read a source whose {field} is wrong: {reason}")]
    Source {
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there, or not with the right certificate, or the connection broke.
    #[error("reach {server}: {reason}")]
    Reach {
        /// Host and port.
        server: String,
        /// What the system or the library says.
        reason: String,
    },
    /// The look took too long.
    #[error("get an answer from {server} within {after:?}")]
    Timeout {
        /// Host and port.
        server: String,
        /// The source's timeout.
        after: Duration,
    },
    /// The server does not accept the user, password or token.
    #[error("log in at {server}: {reason}")]
    Login {
        /// Host and port.
        server: String,
        /// What the server says.
        reason: String,
    },
    /// The server answers with an error.
    #[error("read from {server}: {reason}")]
    Refused {
        /// Host and port.
        server: String,
        /// What the server says.
        reason: String,
    },
    /// The queue, stream or topic is not there.
    #[error("find {what} at {server}")]
    Missing {
        /// Host and port.
        server: String,
        /// What is not there.
        what: String,
    },
    /// The answer is larger than [`crate::MAX_ANSWER`].
    #[error("read from {server}: the answer is larger than 1 MiB")]
    TooLarge {
        /// Host and port.
        server: String,
    },
    /// The answer is not in the form that this kind of server gives.
    #[error("understand {server}: {reason}")]
    Malformed {
        /// Host and port.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is not one number that can be scaled by.
    #[error("get a number: {reason}")]
    Number {
        /// What it is instead.
        reason: String,
    },
    /// There is work, and no figure for how much: enough to wake a service from zero, not enough to size it.
    #[error("get a number: {reason}")]
    Undefined {
        /// Why there is none.
        reason: String,
    },
    /// A bug in skala or a library; the look was given up.
    #[error("look: {reason}")]
    Broken {
        /// What happened.
        reason: String,
    },
}

impl Error {
    pub(crate) fn number(reason: impl Into<String>) -> Error {
        Error::Number { reason: reason.into() }
    }

    /// Whether it shows that there is work, though not how much.
    pub fn wakes(&self) -> bool {
        matches!(self, Error::Undefined { .. })
    }

    fn words(&mut self) -> Vec<&mut String> {
        match self {
            Error::Source { field, reason } => vec![field, reason],
            Error::Reach { server, reason }
            | Error::Login { server, reason }
            | Error::Refused { server, reason }
            | Error::Malformed { server, reason } => vec![server, reason],
            Error::Timeout { server, .. } | Error::TooLarge { server } => vec![server],
            Error::Missing { server, what } => vec![server, what],
            Error::Number { reason } | Error::Undefined { reason } | Error::Broken { reason } => vec![reason],
        }
    }

    /// Without the source's secrets, control characters, and more words than anybody reads.
    #[must_use]
    pub fn redacted(mut self, source: &Source) -> Error {
        let secrets = secrets(source);
        for text in self.words() {
            for secret in &secrets {
                *text = text.replace(secret.as_str(), "***");
            }
            *text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
        }
        self
    }
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Everything in a source that may not be shown, longest first, so that a part does not hide the whole.
fn secrets(source: &Source) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut url = |text: &str| {
        if let Ok(url) = Url::parse(text) {
            all.extend(url.password);
            let query = url.query.unwrap_or_default();
            let values = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
            all.extend(values.filter(|v| v.len() >= MIN_QUERY_SECRET));
            all.push(query);
        }
    };
    match source {
        Source::Prometheus(s) => url(s.server.expose()),
        Source::Redis(s) => url(s.address.expose()),
        Source::Postgres(s) => url(s.connection.expose()),
        Source::Rabbitmq(s) => url(s.host.expose()),
        Source::Nats(s) => url(s.url.expose()),
        Source::Http(s) => url(s.url.expose()),
        Source::Kafka(_) => {}
    }
    let given = match source {
        Source::Prometheus(s) => vec![&s.bearer_token, &s.password],
        Source::Http(s) => vec![&s.bearer_token, &s.password],
        Source::Redis(s) => vec![&s.password],
        Source::Rabbitmq(s) => vec![&s.password],
        _ => Vec::new(),
    };
    all.extend(given.into_iter().flatten().map(|s| s.expose().to_owned()));
    match source {
        Source::Prometheus(s) => all.extend(s.headers.values().map(|v| v.expose().to_owned())),
        Source::Http(s) => all.extend(s.headers.values().map(|v| v.expose().to_owned())),
        Source::Kafka(s) => all.extend(s.sasl.iter().map(|s| s.password.expose().to_owned())),
        Source::Postgres(s) => {
            let config: Result<tokio_postgres::Config, _> = s.connection.expose().parse();
            let password = config.as_ref().ok().and_then(tokio_postgres::Config::get_password);
            all.extend(password.map(|p| String::from_utf8_lossy(p).into_owned()));
        }
        _ => {}
    }
    all.retain(|s| !s.trim().is_empty());
    all.sort_by_key(|s| std::cmp::Reverse(s.len()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn no_secret_is_in_an_error() {
        for text in [
            r#"{"redis": {"address": "redis://u:hunter2@h:1", "list": "l"}}"#,
            r#"{"redis": {"address": "h:1", "password": "hunter2", "list": "l"}}"#,
            r#"{"postgres": {"connection": "postgres://u:hunter2@h/d", "query": "q"}}"#,
            r#"{"postgres": {"connection": "host=h user=u password=hunter2", "query": "q"}}"#,
            r#"{"rabbitmq": {"host": "http://u:hunter2@h:1", "queue": "q"}}"#,
            r#"{"http": {"url": "http://h/p?key=hunter2"}}"#,
            r#"{"http": {"url": "http://h/p", "headers": {"X-Key": "hunter2"}}}"#,
            r#"{"prometheus": {"server": "http://h", "query": "q", "bearerToken": "hunter2"}}"#,
            r#"{"kafka": {"brokers": ["h:1"], "group": "g", "sasl": {"username": "u", "password": "hunter2"}}}"#,
        ] {
            let reason = "key=hunter2 and hunter2\nagain".to_owned();
            let error = Error::Refused { server: "h".to_owned(), reason }.redacted(&source(text));
            let (shown, debug) = (error.to_string(), format!("{error:?}"));
            assert!(!shown.contains("hunter2") && !debug.contains("hunter2") && !shown.contains('\n'), "{text}: {shown}");
            assert!(shown.contains("***"));
            assert!(!source(text).server().contains("hunter2"));
        }
    }

    #[test]
    fn long_words_are_cut() {
        let error = Error::number("x".repeat(5000)).redacted(&source(r#"{"http": {"url": "http://h"}}"#));
        assert!(error.to_string().len() < 250);
    }
}
