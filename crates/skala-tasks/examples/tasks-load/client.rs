//! A lean HTTP/1.1 client for one server on one connection, so that the measured time is the server's.

use std::io::Write as _;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Failure;

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    request: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(at: &str) -> Result<Client, Failure> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, received: Vec::with_capacity(64 << 10), request: Vec::with_capacity(1 << 10) })
    }

    /// Status and body of the answer, which must state its length.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
        self.ask("POST", path, body).await
    }

    /// As [`Client::post`], without a body.
    pub(crate) async fn get(&mut self, path: &str) -> Result<(u16, Vec<u8>), Failure> {
        self.ask("GET", path, b"").await
    }

    async fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
        self.request.clear();
        let length = body.len();
        // Writing to memory cannot fail.
        let _ = write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nHost: tasks\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some((status, from, until)) = parse(&self.received)
                && self.received.len() >= until
            {
                return Ok((status, self.received[from..until].to_vec()));
            }
        }
    }
}

/// Status, and where the body begins and ends.
fn parse(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    Some((status, end, end + length(&bytes[..end])?))
}

/// What a head says of the body's length.
pub(crate) fn length(head: &[u8]) -> Option<usize> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:").then(|| std::str::from_utf8(value).ok()?.trim().parse().ok())?
    })
}
