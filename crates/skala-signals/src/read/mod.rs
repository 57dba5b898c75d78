//! One file per kind of source: how to ask, and what the answer means.

pub(crate) mod document;
pub(crate) mod nats;
pub(crate) mod postgres;
pub(crate) mod prometheus;
pub(crate) mod rabbitmq;
pub(crate) mod redis;

use skala_spec::model::Url;
use skala_spec::scalar::EnvValue;

use crate::Error;

/// The parts of a source's URL.
fn url(field: &str, value: &EnvValue) -> Result<Url, Error> {
    Url::parse(value.expose()).map_err(|reason| Error::Source { field: field.to_owned(), reason: format!("it {reason}") })
}

/// The path of a URL without the slash at its end, so that something can be added.
fn base(url: &Url) -> &str {
    url.path.trim_end_matches('/')
}

/// A JSON document.
fn json<T: serde::de::DeserializeOwned>(server: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|e| Error::Malformed {
        server: server.to_owned(),
        reason: format!("its answer is not the JSON that is wanted (line {}, column {})", e.line(), e.column()),
    })
}
