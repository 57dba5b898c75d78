//! The API's socket: connections, their bounds, and which call a request is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::answer::Answer;
use super::calls;
use super::guard;
use super::problem::Problem;
use super::receive::Receiver;
use super::routes::{Call, Found, find, plain};
use crate::{StartError, Tasks};

/// Longest head of a request, in bytes.
const MOST_HEAD: usize = 64 << 10;
/// How long connections may finish what they do when the server closes.
const CLOSING: Duration = Duration::from_secs(2);
/// Pause after a failed accept, such as for want of file descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// What one connection too many is told.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n\
Connection: close\r\nContent-Length: 143\r\n\r\n\
{\"type\":\"urn:skala:problem:connections\",\"title\":\"Too many connections\",\"status\":503,\"detail\":\"as many connections as may are open; use fewer\"}\n";

/// A bound socket.
pub(crate) struct Listener {
    socket: std::net::TcpListener,
    token: Option<String>,
}

/// The running API.
pub(crate) struct Server {
    closing: watch::Sender<bool>,
    connections: Arc<Semaphore>,
    most: u32,
}

/// What every request needs.
pub(crate) struct Context {
    tasks: Weak<Tasks>,
    pub(crate) receiver: Receiver,
    token: Option<String>,
    pub(crate) closing: watch::Receiver<bool>,
}

impl Listener {
    /// Binds the address; others than loopback need a token.
    pub(crate) fn bind(at: SocketAddr, token: Option<&str>) -> Result<Listener, StartError> {
        if token.is_none_or(str::is_empty) && !at.ip().is_loopback() {
            return Err(StartError::Token(at));
        }
        let listen = |source| StartError::Listen { address: at, source };
        let socket = std::net::TcpListener::bind(at).map_err(listen)?;
        socket.set_nonblocking(true).map_err(listen)?;
        Ok(Listener { socket, token: token.filter(|t| !t.is_empty()).map(str::to_owned) })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.at())
    }

    /// The address, with its real port.
    pub(crate) fn at(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Serves until it is closed.
    pub(crate) fn serve(self, tasks: &Arc<Tasks>) -> std::io::Result<Server> {
        let socket = TcpListener::from_std(self.socket)?;
        let bounds = tasks.shared().config.bounds;
        let (close, closing) = watch::channel(false);
        let connections = Arc::new(Semaphore::new(bounds.connections));
        let context = Context {
            tasks: Arc::downgrade(tasks),
            receiver: Receiver::new(&bounds),
            token: self.token,
            closing: closing.clone(),
        };
        tokio::spawn(accept(socket, Arc::new(context), Arc::clone(&connections), bounds.receive.0));
        Ok(Server { closing: close, connections, most: u32::try_from(bounds.connections).unwrap_or(u32::MAX) })
    }
}

impl Server {
    /// Takes no more requests and ends the connections.
    pub(crate) async fn close(self) {
        // The accepting task may have ended with its runtime.
        let _ = self.closing.send(true);
        let _ = tokio::time::timeout(CLOSING, self.connections.acquire_many(self.most)).await;
    }
}

async fn accept(socket: TcpListener, context: Arc<Context>, connections: Arc<Semaphore>, head_within: Duration) {
    let mut closing = context.closing.clone();
    loop {
        let accepted = tokio::select! {
            () = closed(&mut closing) => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match Arc::clone(&connections).try_acquire_owned() {
                Ok(place) => {
                    tokio::spawn(serve(stream, peer, Arc::clone(&context), place, head_within));
                }
                Err(_) => refuse(&stream),
            },
            Err(e) => {
                tracing::warn!(error = %e, "a connection to the tasks' API was not accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Says why, as far as the socket's buffer takes it, and closes.
fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(TOO_MANY);
}

async fn serve(stream: TcpStream, peer: SocketAddr, context: Arc<Context>, _place: OwnedSemaphorePermit, head_within: Duration) {
    // Without it answers are late, but right.
    let _ = stream.set_nodelay(true);
    let mut closing = context.closing.clone();
    let service = service_fn(|request| answer(&context, peer, request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_within).max_buf_size(MOST_HEAD).pipeline_flush(true);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // How a connection ends is the client's business.
        _ = connection.as_mut() => return,
        () = closed(&mut closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(CLOSING, connection).await;
}

async fn answer(context: &Context, peer: SocketAddr, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let Some(tasks) = context.tasks.upgrade() else {
        let problem = Problem::of(crate::TasksError::Stopping, "", None);
        return Ok(problem.answer());
    };
    Ok(call(context, &tasks, peer, request).await.unwrap_or_else(Problem::answer))
}

async fn call(context: &Context, tasks: &Arc<Tasks>, peer: SocketAddr, request: Request<Incoming>) -> Result<Answer, Problem> {
    let uri = request.uri().clone();
    let Some(plain) = plain(uri.path()) else { return Err(Problem::no_path(uri.path())) };
    let (call, part) = match find(request.method(), &plain) {
        Found::Call(call, part) => (call, part),
        Found::Methods(methods) => return Err(Problem::methods(&methods)),
        Found::Nothing => return Err(Problem::no_path(uri.path())),
    };
    if call != Call::Health {
        guard::check(context.token.as_deref(), request.method(), request.headers())?;
    }
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let asked = calls::Asked { context, tasks, peer, path, part, query: uri.query().unwrap_or_default() };
    calls::answer(call, &asked, request).await
}

/// Waits until the server closes.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error says that the server is gone.
    drop(closing.wait_for(|closes| *closes).await);
}

/// One event of a stream.
pub(crate) fn event(name: &str, data: &serde_json::Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_a_connection_is_whole() {
        let text = std::str::from_utf8(TOO_MANY).expect("it is text");
        let (head, body) = text.split_once("\r\n\r\n").expect("it has a head");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{} in {head}", body.len());
    }
}
