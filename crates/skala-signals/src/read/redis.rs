//! Redis: how many elements a key has.
//!
//! Decides: which command counts what, and what a missing key, stream or group means.
//! Method: KEDA's Redis scalers. A stream that is not there has no lag; a group that is not there lags by the whole stream; where
//!   Redis itself does not know the lag (entries were deleted), that is an error.
//! Tested: `tests` below; `tests/it/redis.rs`.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisConnectionInfo, RedisError, Value};
use skala_spec::model::{RedisKey, RedisSource, Tls, Url};
use tokio::task::AbortHandle;

use crate::net::{self, Meter};
use crate::pool::Kept;
use crate::{Error, Sample, tls};

/// Redis' port.
const PORT: u16 = 6379;

/// How a server is reached, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    host: String,
    port: u16,
    database: u16,
    username: Option<String>,
    password: Option<String>,
    /// Given where TLS is used.
    tls: Option<Option<Tls>>,
}

impl Server {
    pub(crate) fn of(source: &RedisSource) -> Result<Server, Error> {
        let wrong = |reason: &str| Error::Source { field: "address".to_owned(), reason: format!("it {reason}") };
        let address = source.address.expose();
        let text = if address.contains("://") { address.to_owned() } else { format!("redis://{address}") };
        let url = Url::parse(&text).map_err(wrong)?;
        let number = url.first_segment().map(|s| s.parse().map_err(|_| wrong("names a database that is no number")));
        Ok(Server {
            database: source.database.map_or_else(|| number.unwrap_or(Ok(0)), Ok)?,
            username: source.username.clone().or(url.user),
            password: source.password.as_ref().map(|p| p.expose().to_owned()).or(url.password),
            tls: (url.scheme == "rediss").then(|| source.tls.clone()),
            port: url.port.unwrap_or(PORT),
            host: url.host,
        })
    }

    fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// A connection, and the task that moves its bytes.
pub(crate) struct Connection {
    server: String,
    redis: MultiplexedConnection,
    meter: Meter,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Kept for Connection {
    type Server = Server;
    type Ask = RedisSource;
    type Found = Sample;

    async fn open(server: &Server) -> Result<Connection, Error> {
        let config = server.tls.as_ref().map(|tls| tls::config(tls.as_ref())).transpose()?;
        let (stream, meter) = net::connect(&server.host, server.port, config).await?;
        let mut info = RedisConnectionInfo::default().set_db(i64::from(server.database)).set_skip_set_lib_name();
        if let Some(user) = &server.username {
            info = info.set_username(user);
        }
        if let Some(password) = &server.password {
            info = info.set_password(password);
        }
        let failed = |e: RedisError| failed(&server.name(), &meter, &e);
        // Each look has its own limit.
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let (redis, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await.map_err(failed)?;
        let driver = tokio::spawn(driver).abort_handle();
        Ok(Connection { server: server.name(), redis, meter, driver })
    }

    async fn look(&mut self, source: &RedisSource) -> Result<Sample, Error> {
        self.meter.reset();
        let key =
            source.key().ok_or_else(|| Error::Source { field: "redis".to_owned(), reason: "it names no key".to_owned() })?;
        let count = match key {
            RedisKey::List(key) => self.count(redis::cmd("LLEN").arg(key)).await?,
            RedisKey::Set(key) => self.count(redis::cmd("SCARD").arg(key)).await?,
            RedisKey::SortedSet(key) => self.count(redis::cmd("ZCARD").arg(key)).await?,
            RedisKey::Hash(key) => self.count(redis::cmd("HLEN").arg(key)).await?,
            RedisKey::StreamLength(key) => self.count(redis::cmd("XLEN").arg(key)).await?,
            RedisKey::StreamPending(key, group) => pending(&self.ask(redis::cmd("XPENDING").arg(key).arg(group)).await?)?,
            RedisKey::StreamLag(key, group) => self.lag(key, group).await?,
        };
        Sample::new(count as f64)
    }
}

impl Connection {
    async fn ask(&mut self, command: &Cmd) -> Result<Value, Error> {
        command.query_async(&mut self.redis).await.map_err(|e: RedisError| failed(&self.server, &self.meter, &e))
    }

    async fn count(&mut self, command: &Cmd) -> Result<i64, Error> {
        match self.ask(command).await? {
            Value::Int(n) => Ok(n),
            _ => Err(Error::number("Redis gives no count")),
        }
    }

    async fn lag(&mut self, key: &str, group: &str) -> Result<i64, Error> {
        let groups = match self.ask(redis::cmd("XINFO").arg("GROUPS").arg(key)).await {
            Err(Error::Refused { reason, .. }) if reason.contains("no such key") => return Ok(0),
            groups => groups?,
        };
        match lag_of(&groups, group)? {
            Some(lag) => Ok(lag),
            None => self.count(redis::cmd("XLEN").arg(key)).await,
        }
    }
}

/// The count in XPENDING's summary.
fn pending(summary: &Value) -> Result<i64, Error> {
    match summary {
        Value::Array(parts) => match parts.first() {
            Some(Value::Int(n)) => Ok(*n),
            _ => Err(Error::number("Redis gives no count of pending entries")),
        },
        _ => Err(Error::number("Redis gives no count of pending entries")),
    }
}

/// The lag of a group in XINFO GROUPS; `None` where the group is not there.
fn lag_of(groups: &Value, group: &str) -> Result<Option<i64>, Error> {
    let Value::Array(groups) = groups else { return Err(Error::number("Redis gives no list of groups")) };
    for fields in groups {
        let pairs: Vec<(&Value, &Value)> = match fields {
            Value::Array(flat) => flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
            Value::Map(pairs) => pairs.iter().map(|(key, value)| (key, value)).collect(),
            _ => continue,
        };
        let field = |name: &str| pairs.iter().find(|(key, _)| text(key) == Some(name.as_bytes())).map(|(_, value)| *value);
        if field("name").and_then(text) != Some(group.as_bytes()) {
            continue;
        }
        return match field("lag") {
            Some(Value::Int(lag)) => Ok(Some(*lag)),
            Some(_) => Err(Error::number("Redis cannot tell the lag, because entries of the stream were deleted")),
            None => Err(Error::number("the lag needs Redis 7 or later")),
        };
    }
    Ok(None)
}

fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn failed(server: &str, meter: &Meter, error: &RedisError) -> Error {
    let (server, reason) = (server.to_owned(), error.to_string());
    if meter.is_over() {
        return Error::TooLarge { server };
    }
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => Error::Login { server, reason },
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => Error::Refused { server, reason },
        (ErrorKind::Parse, _) => Error::Malformed { server, reason: "this is not Redis' answer".to_owned() },
        _ => Error::Reach { server, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Result<Server, Error> {
        Server::of(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn addresses() {
        let plain = server(r#"{"address": "h", "list": "l"}"#).unwrap();
        assert_eq!((plain.name().as_str(), plain.database, plain.tls), ("h:6379", 0, None));
        let url = server(r#"{"address": "rediss://u:p%40@h:1/3", "list": "l"}"#).unwrap();
        assert_eq!((url.name().as_str(), url.database, url.tls), ("h:1", 3, Some(None)));
        assert_eq!((url.username.as_deref(), url.password.as_deref()), (Some("u"), Some("p@")));
        let given =
            server(r#"{"address": "redis://u:p@h:1/3", "database": 4, "username": "v", "password": "q", "list": "l"}"#).unwrap();
        assert_eq!((given.database, given.username.as_deref(), given.password.as_deref()), (4, Some("v"), Some("q")));
        assert!(server(r#"{"address": "redis://h/name", "list": "l"}"#).is_err());
    }

    #[test]
    fn groups() {
        let bulk = |t: &str| Value::BulkString(t.as_bytes().to_vec());
        let group = |lag: Value| Value::Array(vec![bulk("name"), bulk("g"), bulk("lag"), lag]);
        let other = Value::Array(vec![bulk("name"), bulk("h"), bulk("lag"), Value::Int(9)]);
        assert_eq!(lag_of(&Value::Array(vec![other.clone(), group(Value::Int(3))]), "g"), Ok(Some(3)));
        assert_eq!(lag_of(&Value::Array(vec![other]), "g"), Ok(None));
        assert_eq!(lag_of(&Value::Array(vec![]), "g"), Ok(None));
        assert!(lag_of(&Value::Array(vec![group(Value::Nil)]), "g").is_err());
        assert!(lag_of(&Value::Array(vec![Value::Array(vec![bulk("name"), bulk("g")])]), "g").is_err());
        assert!(lag_of(&Value::Nil, "g").is_err());
        assert!(pending(&Value::Nil).is_err());
        assert_eq!(pending(&Value::Array(vec![Value::Int(2), Value::Nil])), Ok(2));
    }
}
