//! Reading triggers from outside the cluster, as a trait that the binary fills in: edge crates do not know one another.

use futures_util::future::BoxFuture;
use skala_spec::model::Source;

/// Why a trigger has no value, in words that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Whoever can read Redis, Postgres, Prometheus and the rest.
pub trait Sources: Send + Sync {
    /// The present value of a source. `owner` names the autoscaler and the trigger, so that what is remembered between two looks
    /// (a Kafka group's earlier offsets) has a place.
    fn read<'a>(&'a self, owner: &'a str, source: &'a Source) -> BoxFuture<'a, Result<f64, SourceError>>;
}

/// Nothing can be read: triggers fail, and say so.
#[derive(Debug, Default)]
pub struct NoSources;

impl Sources for NoSources {
    fn read<'a>(&'a self, _owner: &'a str, source: &'a Source) -> BoxFuture<'a, Result<f64, SourceError>> {
        let error = SourceError(format!("this controller cannot read {}", source.kind()));
        Box::pin(std::future::ready(Err(error)))
    }
}
