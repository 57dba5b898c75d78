//! One health check of one address: an HTTP GET or a TCP connection.
//!
//! Decides: whether the address answers as it should, and says why not.
//! Inputs: address, check, timeout.
//! Method: HTTP/1.1 GET with `Connection: close` (RFC 9112); a status of 200-399 passes, as in Kubernetes' probes.
//! Invariants: reads at most 64 KiB; returns by `timeout`; holds no connection afterwards.
//! Tested: `tests/local/probe.rs`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Longest status line with the headers before it that is looked at, bytes.
const MAX_HEAD: usize = 8 * 1024;
/// Bytes of the answer that are read before the connection is closed, so that the server seldom sees a reset.
const MAX_ANSWER: usize = 64 * 1024;
/// Time given to the rest of an answer whose status is known.
const REST: Duration = Duration::from_millis(100);

/// What is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `GET path` answers with a status of 200-399.
    HttpGet {
        /// Path with query, from `/` on.
        path: String,
    },
    /// A TCP connection is accepted.
    Tcp,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::HttpGet { path } => write!(f, "GET {path}"),
            Check::Tcp => f.write_str("TCP connection"),
        }
    }
}

/// Why a check failed, in words for people.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nothing listens there.
    #[error("nothing listens on {addr}")]
    Refused {
        /// The address checked.
        addr: SocketAddr,
    },
    /// The connection failed otherwise.
    #[error("connection to {addr} failed: {source}")]
    Connect {
        /// The address checked.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No answer in time.
    #[error("no answer to {check} within {timeout:?}")]
    Timeout {
        /// The check.
        check: Check,
        /// The time that passed.
        timeout: Duration,
    },
    /// An answer with another status.
    #[error("HTTP {status} from {check}")]
    Status {
        /// The status of the answer.
        status: u16,
        /// The check.
        check: Check,
    },
    /// The connection ended before an answer.
    #[error("connection closed before an answer to {check}")]
    Closed {
        /// The check.
        check: Check,
    },
    /// Bytes that are not HTTP.
    #[error("the answer to {check} is not HTTP: '{start}'")]
    NotHttp {
        /// The check.
        check: Check,
        /// The first bytes, made safe to print.
        start: String,
    },
    /// A path that cannot stand in a request.
    #[error("'{path}' is not a path: it must begin with '/' and have no spaces or control characters")]
    BadPath {
        /// The path, made safe to print.
        path: String,
    },
}

/// Checks `addr` once, within `timeout`.
///
/// # Errors
/// The reason why the check failed.
pub async fn check(addr: SocketAddr, check: &Check, timeout: Duration) -> Result<(), ProbeError> {
    let request = match check {
        Check::HttpGet { path } => Some(request(path, addr)?),
        Check::Tcp => None,
    };
    let deadline = Instant::now() + timeout;
    let late = || ProbeError::Timeout { check: check.clone(), timeout };
    let connected = timeout_at(deadline, TcpStream::connect(addr)).await.map_err(|_| late())?;
    let mut stream = connected.map_err(|source| match source.kind() {
        io::ErrorKind::ConnectionRefused => ProbeError::Refused { addr },
        _ => ProbeError::Connect { addr, source },
    })?;
    let Some(request) = request else { return Ok(()) };
    let status = timeout_at(deadline, exchange(&mut stream, &request, check)).await.map_err(|_| late())??;
    let rest = deadline.min(Instant::now() + REST);
    let _ = timeout_at(rest, read_rest(&mut stream)).await;
    if (200..400).contains(&status) { Ok(()) } else { Err(ProbeError::Status { status, check: check.clone() }) }
}

fn request(path: &str, addr: SocketAddr) -> Result<String, ProbeError> {
    if !path.starts_with('/') || path.chars().any(|c| c.is_control() || c == ' ') {
        return Err(ProbeError::BadPath { path: path.escape_debug().to_string() });
    }
    Ok(format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nUser-Agent: skala-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"))
}

/// Sends the request and reads as far as the status line.
async fn exchange<S>(stream: &mut S, request: &str, check: &Check) -> Result<u16, ProbeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let closed = |_| ProbeError::Closed { check: check.clone() };
    stream.write_all(request.as_bytes()).await.map_err(closed)?;
    let mut head = Vec::with_capacity(512);
    loop {
        let read = stream.read_buf(&mut head).await.map_err(closed)?;
        if let Some(end) = head.iter().position(|byte| *byte == b'\n') {
            return status_of(&head[..end]).ok_or_else(|| not_http(&head, check));
        }
        if head.is_empty() {
            return Err(ProbeError::Closed { check: check.clone() });
        }
        if read == 0 || head.len() >= MAX_HEAD {
            return Err(not_http(&head, check));
        }
    }
}

fn not_http(head: &[u8], check: &Check) -> ProbeError {
    let start = String::from_utf8_lossy(&head[..head.len().min(40)]).escape_debug().to_string();
    ProbeError::NotHttp { check: check.clone(), start }
}

/// The status in `HTTP/1.1 200 OK`.
fn status_of(line: &[u8]) -> Option<u16> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next()?.strip_prefix("HTTP/1.").filter(|minor| matches!(minor.as_bytes(), [b'0'..=b'9']))?;
    // Three digits (RFC 9112 section 4): `parse` alone would also take a sign, and numbers that are no status.
    let word = words.next()?.trim_ascii_end();
    let three = word.len() == 3 && word.bytes().all(|b| b.is_ascii_digit());
    word.parse().ok().filter(|status| three && *status >= 100)
}

async fn read_rest(stream: &mut TcpStream) {
    let mut buffer = [0u8; 4096];
    let mut total = 0;
    while total < MAX_ANSWER {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => total += read,
        }
    }
}

/// What a server's bytes on `stream` mean to a check of `/`.
///
/// # Errors
/// As for [`check`].
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub async fn answer_of<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<u16, ProbeError> {
    exchange(stream, "", &Check::HttpGet { path: "/".into() }).await
}
