//! One keep-alive connection to a replica, driven by the task that uses it.
//!
//! Method: hyper's connection is polled along with the request on it, in one task: no wake-up goes between two tasks, and an idle
//!   connection that the replica closes is seen at once.
//! Tested: `tests/it/push.rs`.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answer::{Body, TooLong};
use crate::deliver::ending::LONGEST_RESULT;

/// Longest time to connect; a replica is near.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 64 << 10;
/// Most headers of an answer.
const MOST_HEADERS: usize = 128;

/// A replica's answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The request was not sent: nobody has seen it. It comes back.
    Unsent(Box<Request<Full<Bytes>>>),
    /// The connection ended before the answer did.
    Lost(String),
    /// What came is no HTTP.
    Garbage(String),
}

type Driver = Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>;

/// A connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody accepts in time; in words.
    pub(crate) async fn open(to: SocketAddr) -> Result<Connection, String> {
        let stream = match tokio::time::timeout(CONNECT, TcpStream::connect(to)).await {
            Ok(stream) => stream.map_err(|error| error.to_string())?,
            Err(_) => return Err(format!("no connection within {CONNECT:?}")),
        };
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LONGEST_HEAD).max_headers(MOST_HEADERS);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        Ok(Connection { sender, driver: Some(Box::pin(driver)) })
    }

    /// Whether another request may go over it.
    pub(crate) fn is_usable(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Completes when the replica closes it.
    pub(crate) async fn closed(&mut self) {
        if let Some(driver) = &mut self.driver {
            let _ = driver.await;
            self.driver = None;
        }
    }

    /// Sends a request and reads the whole answer. A dropped future leaves the connection unusable.
    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let Connection { sender, driver } = self;
        let asking = async {
            if sender.ready().await.is_err() {
                return Err(NoAnswer::Unsent(Box::new(request)));
            }
            let response = sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
                Some(request) => NoAnswer::Unsent(Box::new(request)),
                None => why(error.error()),
            })?;
            let (head, body) = response.into_parts();
            let body = read(body, content_length(&head.headers)).await?;
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        drive(driver, asking).await
    }
}

/// Polls a connection along with what is done on it.
async fn drive<F: Future>(driver: &mut Option<Driver>, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        let Some(connection) = driver else { return Poll::Pending };
        if connection.as_mut().poll(context).is_ready() {
            *driver = None; // the work hears of it by itself
        }
        work.as_mut().poll(context)
    })
    .await
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn read(mut body: Incoming, announced: Option<usize>) -> Result<Body, NoAnswer> {
    if announced.is_some_and(|length| length > LONGEST_RESULT) {
        return Ok(Err(TooLong));
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| why(&error))?.into_data() else { continue };
        if first.len() + all.len() + data.len() > LONGEST_RESULT {
            return Ok(Err(TooLong));
        }
        match (first.is_empty(), all.is_empty()) {
            (true, true) => first = data,
            _ => {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(Ok(if all.is_empty() { first } else { all.freeze() }))
}

fn why(error: &hyper::Error) -> NoAnswer {
    if error.is_parse() || error.is_parse_too_large() {
        return NoAnswer::Garbage(format!("its answer is no HTTP: {error}"));
    }
    NoAnswer::Lost(error.to_string())
}
