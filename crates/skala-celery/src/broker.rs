//! A connection to Redis that opens when it is needed and again after it broke.
//!
//! Method: one multiplexed connection, shared; a command that fails for the connection's sake drops it, and the next command opens
//!   another. Each command has a limit in time. Nothing is repeated by itself: whoever asked knows whether that is safe.
//! Tested: `tests` below; `tests/it/depth.rs` restarts Redis.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Pipeline, TlsCertificates};
use tokio::sync::Mutex;

use crate::{Error, Layout};

/// Limit of opening a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Limit of one command.
const ANSWER: Duration = Duration::from_secs(10);

/// How a broker, or a result store, is reached.
#[derive(Clone, Default)]
pub struct BrokerSettings {
    /// As Celery's `broker_url`: `redis://:password@host:6379/0`, `rediss://..`, `redis+socket:///path?virtual_host=0`.
    pub url: String,
    /// The certificates to trust with `rediss://`, in PEM, in place of the system's.
    pub ca: Option<Vec<u8>>,
    /// The names of its keys.
    pub layout: Layout,
}

/// The same as a text that may be shown: without user, password and query.
impl fmt::Debug for BrokerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerSettings").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// A Redis that Celery uses; cheap to clone.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    client: Client,
    name: String,
    database: i64,
    layout: Layout,
    link: Mutex<Option<MultiplexedConnection>>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broker").field(&self.0.name).finish()
    }
}

impl Broker {
    /// Reads the address; connects when the first command is sent.
    ///
    /// # Errors
    /// When the address is not one of a Redis.
    pub fn new(settings: BrokerSettings) -> Result<Broker, Error> {
        let info = address(&settings.url)?;
        let (name, database) = (info.addr().to_string(), info.redis_settings().db());
        // The error would quote the address.
        let wrong = |_| Error::Address { reason: "it is not a Redis address, or its certificates are not PEM".to_owned() };
        // A provider that somebody installed before is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = match settings.ca {
            Some(ca) => Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(ca) }),
            None => Client::open(info),
        };
        let client = client.map_err(wrong)?;
        Ok(Broker(Arc::new(Inner { client, name, database, layout: settings.layout, link: Mutex::new(None) })))
    }

    /// Host and port.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The number of its database.
    pub fn database(&self) -> i64 {
        self.0.database
    }

    /// The names of its keys.
    pub fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// Sends one command.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let mut link = self.link().await?;
        let answer = command.query_async(&mut link).await;
        self.checked(answer).await
    }

    /// Sends several at once.
    pub(crate) async fn all<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Error> {
        let mut link = self.link().await?;
        let answer = pipeline.query_async(&mut link).await;
        self.checked(answer).await
    }

    /// Runs a script.
    pub(crate) async fn run<T: FromRedisValue>(&self, call: &redis::ScriptInvocation<'_>) -> Result<T, Error> {
        let mut link = self.link().await?;
        let answer = call.invoke_async(&mut link).await;
        self.checked(answer).await
    }

    /// Opens a connection of its own for publish-subscribe.
    pub(crate) async fn listen(&self) -> Result<redis::aio::PubSub, Error> {
        let opening = tokio::time::timeout(CONNECT, self.0.client.get_async_pubsub()).await;
        let late = |_| Error::Reach { server: self.name().to_owned(), reason: "it does not answer".to_owned() };
        opening.map_err(late)?.map_err(|e| Error::of(self.name(), &e))
    }

    async fn checked<T>(&self, answer: redis::RedisResult<T>) -> Result<T, Error> {
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => Error::of(self.name(), &error),
        };
        if matches!(error, Error::Reach { .. }) {
            *self.0.link.lock().await = None;
        }
        Err(error)
    }

    async fn link(&self) -> Result<MultiplexedConnection, Error> {
        let mut link = self.0.link.lock().await;
        if let Some(open) = &*link {
            return Ok(open.clone());
        }
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
        let opening = self.0.client.get_multiplexed_async_connection_with_config(&config).await;
        let open = opening.map_err(|e| Error::of(self.name(), &e))?;
        Ok(link.insert(open).clone())
    }
}

/// A random id in the form of Python's `uuid4`.
pub(crate) fn fresh_id() -> String {
    let bits: u128 = rand::random();
    let hex = format!("{bits:032x}");
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// Celery's address in the words of the Redis client.
fn address(url: &str) -> Result<ConnectionInfo, Error> {
    let wrong = |reason: &str| Error::Address { reason: reason.to_owned() };
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let url = match scheme {
        "redis" | "rediss" if url.contains("ssl_cert_reqs=none") || url.contains("ssl_cert_reqs=CERT_NONE") => {
            return Err(wrong("it turns the check of certificates off; give the certificate to trust instead"));
        }
        "redis" | "rediss" => url.split('?').next().unwrap_or_default().to_owned(),
        "redis+socket" => url.replacen("redis+socket://", "redis+unix://", 1).replace("virtual_host=", "db="),
        "sentinel" => return Err(wrong("Redis Sentinel is not supported; give the address of the primary")),
        _ => return Err(wrong("it must begin with redis://, rediss:// or redis+socket://")),
    };
    url.into_connection_info().map_err(|_| wrong("it must look like redis://:password@host:6379/0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(url: &str) -> Result<Broker, Error> {
        Broker::new(BrokerSettings { url: url.to_owned(), ..BrokerSettings::default() })
    }

    #[test]
    fn addresses_are_celerys() {
        for (url, name, database) in [
            ("redis://h", "h:6379", 0),
            ("redis://u:p%40@h:1/3", "h:1", 3),
            ("rediss://h:1/3?ssl_cert_reqs=required", "h:1", 3),
            ("redis+socket:///tmp/r.sock?virtual_host=2", "/tmp/r.sock", 2),
        ] {
            let broker = broker(url).unwrap();
            assert_eq!((broker.name(), broker.database()), (name, database), "{url}");
        }
    }

    #[test]
    fn no_error_and_no_debug_text_shows_the_password() {
        for url in ["amqp://u:hush@h", "redis://u:hush@h/x", "sentinel://:hush@h", "redis://:hush@h?ssl_cert_reqs=none"] {
            let error = broker(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
        let settings = BrokerSettings { url: "redis://:hush@h".to_owned(), ..BrokerSettings::default() };
        assert!(!format!("{settings:?} {:?}", Broker::new(settings.clone())).contains("hush"));
    }
}
