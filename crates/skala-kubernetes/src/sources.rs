//! Reading triggers from outside the cluster, as a trait that the binary fills in: edge crates do not know one another.

use futures_util::future::BoxFuture;
use skala_spec::model::Source;

/// Why a trigger has no value, in words that hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// What a source gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The number that the size follows.
    pub value: f64,
    /// What an activation is compared with, where that is another number: a rate's queue wakes a target too, and so does lag that
    /// is stuck.
    pub activity: Option<f64>,
}

impl From<f64> for Measured {
    fn from(value: f64) -> Measured {
        Measured { value, activity: None }
    }
}

/// Whoever can read Redis, Postgres, Prometheus and the rest.
pub trait Sources: Send + Sync {
    /// The present value of a source. `owner` names the autoscaler and the trigger, so that what is remembered between two looks
    /// (a Kafka group's earlier offsets) has a place.
    fn read<'a>(&'a self, owner: &'a str, source: &'a Source) -> BoxFuture<'a, Result<Measured, SourceError>>;
}

/// Nothing can be read: triggers fail, and say so.
#[derive(Debug, Default)]
pub struct NoSources;

impl Sources for NoSources {
    fn read<'a>(&'a self, _owner: &'a str, source: &'a Source) -> BoxFuture<'a, Result<Measured, SourceError>> {
        let error = SourceError(format!("this controller cannot read {}", source.kind()));
        Box::pin(std::future::ready(Err(error)))
    }
}
