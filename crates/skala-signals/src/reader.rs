//! One look at one source.
//!
//! Decides: how long a look may take, and that its error holds no secret.
//! Invariants: a look that is given up leaves nothing behind that the next one could meet.
//! Tested: `tests/it`.

use std::time::Duration;

use skala_spec::model::{Source, Tls};

use crate::kafka::{self, Cluster, Previous};
use crate::pool::Pool;
use crate::read::{document, nats, postgres, prometheus, rabbitmq, redis};
use crate::web::Webs;
use crate::{Error, Sample};

/// Connections to servers, shared by the sources that read from them.
#[derive(Default)]
pub struct Reader {
    webs: Webs,
    redis: Pool<redis::Connection>,
    postgres: Pool<postgres::Connection>,
    kafka: Pool<Cluster>,
}

/// What a source remembers from one look to the next; each source has its own.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    kafka: Previous,
}

impl Reader {
    /// Looks at a source once, within its timeout. Needs a tokio runtime.
    ///
    /// # Errors
    /// When there is no number; see [`Error`].
    pub async fn look(&self, source: &Source, memory: &mut Memory) -> Result<Sample, Error> {
        if let Some(problem) = source.problems().into_iter().find(|p| p.fatal) {
            return Err(Error::Source { field: problem.field, reason: problem.message }.redacted(source));
        }
        let found = tokio::time::timeout(source.timeout(), self.ask(source, memory)).await;
        let late = || Err(Error::Timeout { server: source.server(), after: source.timeout() });
        found.unwrap_or_else(|_| late()).map_err(|e| e.redacted(source))
    }

    async fn ask(&self, source: &Source, memory: &mut Memory) -> Result<Sample, Error> {
        match source {
            Source::Prometheus(s) => prometheus::look(s, &self.webs).await,
            Source::Http(s) => document::look(s, &self.webs).await,
            Source::Rabbitmq(s) => rabbitmq::look(s, &self.webs).await,
            Source::Nats(s) => nats::look(s, &self.webs).await,
            Source::Redis(s) => self.redis.look(redis::Server::of(s)?, s).await,
            Source::Postgres(s) => self.postgres.look(s.into(), s).await,
            Source::Kafka(s) => {
                let partitions = self.kafka.look(s.into(), s).await?;
                let lag = kafka::lag(s, &partitions, &mut memory.kafka);
                let sample = Sample { kafka: Some(lag), ..Sample::new(lag.total as f64)? };
                sample.waking(lag.with_persistent as f64)
            }
        }
    }

    /// Closes the connections that none of these sources needs.
    pub(crate) fn keep_only(&self, sources: &[Source]) {
        let redis: Vec<_> = sources.iter().filter_map(|s| matched!(s, Redis).and_then(|s| redis::Server::of(s).ok())).collect();
        let postgres: Vec<postgres::Server> = sources.iter().filter_map(|s| matched!(s, Postgres).map(Into::into)).collect();
        let kafka: Vec<kafka::Server> = sources.iter().filter_map(|s| matched!(s, Kafka).map(Into::into)).collect();
        let webs: Vec<Option<Tls>> = sources.iter().filter_map(web_tls).collect();
        self.redis.retain(|server| redis.contains(server));
        self.postgres.retain(|server| postgres.contains(server));
        self.kafka.retain(|server| kafka.contains(server));
        self.webs.retain(|tls| webs.contains(tls));
    }
}

/// The source of one kind, if it is of that kind.
macro_rules! matched {
    ($source:expr, $kind:ident) => {
        match $source {
            Source::$kind(s) => Some(s),
            _ => None,
        }
    };
}
use matched;

fn web_tls(source: &Source) -> Option<Option<Tls>> {
    match source {
        Source::Prometheus(s) => Some(s.tls.clone()),
        Source::Http(s) => Some(s.tls.clone()),
        Source::Rabbitmq(s) => Some(s.tls.clone()),
        Source::Nats(s) => Some(s.tls.clone()),
        Source::Redis(_) | Source::Postgres(_) | Source::Kafka(_) => None,
    }
}

/// Looks at a source once, on connections of its own: for `skala check --probe` and tests.
///
/// # Errors
/// When there is no number; see [`Error`].
pub async fn poll_once(source: &Source) -> Result<Sample, Error> {
    Reader::default().look(source, &mut Memory::default()).await
}

/// Longest look, whatever a source says, before its task is given up.
pub(crate) const LONGEST: Duration = Duration::from_secs(65);
