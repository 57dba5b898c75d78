//! Postgres: the number that a query gives.
//!
//! Decides: what a query's answer means as one number.
//! Method: a read-only transaction with a limit on its time, in plain statements, so that it also works through PgBouncer; it is
//!   always rolled back. As in KEDA's scaler, no row and NULL are errors; so are several rows.
//! Tested: `tests` below; `tests/it/postgres.rs`.

use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use skala_spec::model::{PostgresSource, Tls};
use skala_spec::scalar::Secret;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::chain;
use crate::net::{Meter, Metered};
use crate::pool::Kept;
use crate::{Error, Sample, sample, tls};

/// Postgres' port.
const PORT: u16 = 5432;

/// How a server is reached, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Server {
    connection: Secret,
    tls: Option<Tls>,
}

impl From<&PostgresSource> for Server {
    fn from(source: &PostgresSource) -> Server {
        Server { connection: source.connection.clone(), tls: source.tls.clone() }
    }
}

/// A connection, and the task that moves its bytes.
pub(crate) struct Connection {
    server: String,
    client: Client,
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
    type Ask = PostgresSource;
    type Found = Sample;

    async fn open(server: &Server) -> Result<Connection, Error> {
        let wrong = |reason: &str| Error::Source { field: "connection".to_owned(), reason: reason.to_owned() };
        // What the parser says would repeat a part of the text.
        // The library's `require` is what libpq calls `verify-full`.
        let text = server.connection.expose().replace("sslmode=verify-full", "sslmode=require");
        let mut config: Config = text
            .replace("sslmode=verify-ca", "sslmode=require")
            .parse()
            .map_err(|_| wrong("it is not a connection text of Postgres"))?;
        if config.get_application_name().is_none() {
            config.application_name("skala");
        }
        let ports = config.get_ports().to_vec();
        let mut failure = wrong("it names no host");
        for (i, host) in config.get_hosts().iter().enumerate() {
            let port = ports.get(i).or(ports.first()).copied().unwrap_or(PORT);
            match open(&config, host, port, server.tls.as_ref()).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn look(&mut self, source: &PostgresSource) -> Result<Sample, Error> {
        self.meter.reset();
        let limit = source.timeout.get().saturating_sub(Duration::from_millis(5)).as_millis().max(1);
        let begin = format!("BEGIN TRANSACTION READ ONLY; SET LOCAL statement_timeout = {limit}");
        self.client.batch_execute(&begin).await.map_err(|e| self.failed(&e))?;
        let found = self.query(&source.query, source).await;
        if let Err(Error::Reach { .. } | Error::TooLarge { .. } | Error::Timeout { .. }) = found {
            return found; // the connection is dropped, and the transaction with it
        }
        self.client.batch_execute("ROLLBACK").await.map_err(|e| self.failed(&e))?;
        found
    }
}

async fn open(config: &Config, host: &Host, port: u16, tls: Option<&Tls>) -> Result<Connection, Error> {
    let meter = Meter::default();
    match host {
        Host::Tcp(host) => {
            let server = format!("{host}:{port}");
            let reach = |e: std::io::Error| Error::Reach { server: server.clone(), reason: e.to_string() };
            let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(reach)?;
            tcp.set_nodelay(true).map_err(reach)?;
            let stream = Metered::new(tcp, meter.clone());
            if config.get_ssl_mode() == SslMode::Disable {
                start(server.clone(), meter, config.connect_raw(stream, NoTls).await)
            } else {
                // `prefer` takes no TLS at all when the server offers none, so a certificate that is not checked loses nothing; as in
                // libpq. Debian's Postgres has one that nobody signed.
                let unchecked = Tls { ca: None, insecure_skip_verify: true };
                let checked = tls.or((config.get_ssl_mode() == SslMode::Prefer).then_some(&unchecked));
                let mut make = MakeRustlsConnect::new(tls::config(checked)?);
                let connect = MakeTlsConnect::<Metered<TcpStream>>::make_tls_connect(&mut make, host);
                let connect = connect.map_err(|e| reach(std::io::Error::other(e)))?;
                start(server.clone(), meter, config.connect_raw(stream, connect).await)
            }
        }
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            let server = path.display().to_string();
            let socket = UnixStream::connect(&path).await;
            let socket = socket.map_err(|e| Error::Reach { server: server.clone(), reason: e.to_string() })?;
            start(server, meter.clone(), config.connect_raw(Metered::new(socket, meter), NoTls).await)
        }
    }
}

type Opened<S, T> = Result<(Client, tokio_postgres::Connection<S, T>), tokio_postgres::Error>;

fn start<S, T>(server: String, meter: Meter, opened: Opened<S, T>) -> Result<Connection, Error>
where
    S: crate::net::Stream,
    T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    let (client, connection) = opened.map_err(|e| failed(&server, &meter, &e))?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to Postgres ended: {}", error.code().map_or("it broke", |c| c.code()));
        }
    });
    Ok(Connection { server, client, meter, driver: driver.abort_handle() })
}

impl Connection {
    fn failed(&self, error: &tokio_postgres::Error) -> Error {
        failed(&self.server, &self.meter, error)
    }

    /// Reads the answer no further than shows whether it is one number.
    async fn query(&self, query: &str, source: &PostgresSource) -> Result<Sample, Error> {
        let map = |e: &tokio_postgres::Error| match e.code() {
            Some(&SqlState::QUERY_CANCELED) => Error::Timeout { server: self.server.clone(), after: source.timeout.get() },
            _ => self.failed(e),
        };
        let mut answer = pin!(self.client.simple_query_raw(query).await.map_err(|e| map(&e))?);
        let mut value: Option<Result<f64, Error>> = None;
        while let Some(message) = answer.try_next().await.map_err(|e| map(&e))? {
            let SimpleQueryMessage::Row(row) = message else { continue };
            value = Some(match (value, row.len()) {
                (Some(_), _) => Err(Error::number("the query gives more than one row")),
                (None, 1) => row.get(0).map_or_else(|| Err(Error::number("the query gives NULL")), sample::parse),
                (None, columns) => Err(Error::number(format!("the query gives {columns} columns and not one"))),
            });
        }
        Sample::new(value.unwrap_or_else(|| Err(Error::number("the query gives no row")))?)
    }
}

fn failed(server: &str, meter: &Meter, error: &tokio_postgres::Error) -> Error {
    let server = server.to_owned();
    if meter.is_over() {
        return Error::TooLarge { server };
    }
    match error.as_db_error() {
        Some(said) => {
            let reason = said.message().to_owned();
            match said.code() {
                c if *c == SqlState::INVALID_PASSWORD
                    || *c == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
                    || *c == SqlState::INSUFFICIENT_PRIVILEGE =>
                {
                    Error::Login { server, reason }
                }
                // Class 57: the server is starting, stopping, or ended the connection.
                c if c.code().starts_with("57P") || c.code().starts_with("08") => Error::Reach { server, reason },
                _ => Error::Refused { server, reason },
            }
        }
        None => Error::Reach { server, reason: chain(error) },
    }
}
