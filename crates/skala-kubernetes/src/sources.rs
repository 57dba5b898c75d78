//! Reading triggers from outside the cluster, as a trait that the binary fills in: edge crates do not know one another.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use skala_types::Sampled;

/// One trigger to read.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceQuery {
    /// The trigger's definition, as written, with its secrets filled in. Never logged.
    pub definition: serde_json::Value,
    /// Values of secrets by the name that the definition calls them.
    pub secrets: BTreeMap<String, String>,
}

/// Why a trigger has no value, in words that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Whoever can read Redis, Postgres, Prometheus and the rest.
pub trait Sources: Send + Sync {
    /// The trigger's present value, and when it was true.
    fn read<'a>(&'a self, query: &'a SourceQuery) -> BoxFuture<'a, Result<Sampled<f64>, SourceError>>;
}
