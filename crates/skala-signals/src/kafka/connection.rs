//! One broker's connection: log in, ask, read the answer.
//!
//! Invariants: an answer is read to its end or the connection is given up; its length is checked before anything is reserved.
//! Tested: `tests/it/kafka.rs`, `tests/it/fakes.rs`.

use skala_spec::model::KafkaSasl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::cluster::{Server, malformed, read};
use super::wire::{self, Writer};
use crate::net::{self, Meter, Stream};
use crate::{Error, MAX_ANSWER, tls};

/// One broker's connection.
pub(super) struct Connection {
    address: String,
    stream: Box<dyn Stream>,
    meter: Meter,
    correlation: i32,
}

impl Connection {
    pub(super) async fn open(address: &str, server: &Server) -> Result<Connection, Error> {
        let (host, port) = address
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)))
            .ok_or_else(|| Error::Source { field: "brokers".to_owned(), reason: "a broker is not `host:port`".to_owned() })?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let config = server.tls.as_ref().map(|tls| tls::config(Some(tls))).transpose()?;
        let (stream, meter) = net::connect(host, port, config).await?;
        let mut connection = Connection { address: address.to_owned(), stream, meter, correlation: 0 };
        if let Some(sasl) = &server.sasl {
            connection.log_in(sasl).await?;
        }
        Ok(connection)
    }

    async fn log_in(&mut self, sasl: &KafkaSasl) -> Result<(), Error> {
        let server = self.address.clone();
        let bytes = self.ask(wire::SASL_HANDSHAKE, &wire::sasl_handshake("PLAIN")).await?;
        let (code, offered) = read(&server, wire::read_sasl_handshake(&bytes))?;
        if code != 0 {
            return Err(Error::Login { server, reason: format!("it offers {} and not PLAIN", offered.join(", ")) });
        }
        let message = format!("\0{}\0{}", sasl.username, sasl.password.expose());
        let bytes = self.ask(wire::SASL_AUTHENTICATE, &wire::sasl_authenticate(message.as_bytes())).await?;
        let (code, words) = read(&server, wire::read_sasl_authenticate(&bytes))?;
        match code {
            0 => Ok(()),
            code => Err(Error::Login { server, reason: format!("Kafka's error code {code} {words}") }),
        }
    }

    /// Sends a request and reads its response's body.
    pub(super) async fn ask(&mut self, (api, version): (i16, i16), body: &[u8]) -> Result<Vec<u8>, Error> {
        self.meter.reset();
        self.correlation = self.correlation.wrapping_add(1);
        let mut header = Writer::default();
        header.i16(api);
        header.i16(version);
        header.i32(self.correlation);
        header.text("skala");
        let mut frame = Writer::default();
        frame.i32(i32::try_from(header.0.len() + body.len()).unwrap_or(i32::MAX));
        frame.0.extend(header.0);
        frame.0.extend(body);
        self.stream.write_all(&frame.0).await.map_err(|e| self.broken(&e))?;
        self.stream.flush().await.map_err(|e| self.broken(&e))?;
        let length = self.stream.read_i32().await.map_err(|e| self.broken(&e))?;
        let length =
            usize::try_from(length).ok().filter(|n| *n >= 4).ok_or_else(|| malformed(&self.address, "this is not Kafka"))?;
        if length > MAX_ANSWER {
            return Err(Error::TooLarge { server: self.address.clone() });
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await.map_err(|e| self.broken(&e))?;
        let body = answer.split_off(4);
        match answer == self.correlation.to_be_bytes() {
            true => Ok(body),
            false => Err(malformed(&self.address, "it answers another question")),
        }
    }

    fn broken(&self, error: &std::io::Error) -> Error {
        match self.meter.is_over() {
            true => Error::TooLarge { server: self.address.clone() },
            false => Error::Reach { server: self.address.clone(), reason: error.to_string() },
        }
    }
}
