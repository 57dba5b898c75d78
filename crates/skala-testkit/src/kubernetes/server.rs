//! The sockets: connections, heads, bodies, and their sudden end.
//!
//! Inputs: HTTP/1.1 on a bound listener; the gate that faults open and shut.
//! Method: hyper, one task per connection; a cut resets the connection (`SO_LINGER` 0), as a server that died would.
//! Invariants: a body larger than [`BODY_BOUND`] is refused; while the gate is shut, no connection is answered.
//! Tested: `tests/kubernetes/server.rs`.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::api::Api;
use super::handle::{self, Answer, Asked};
use super::status::Status;
use super::target::Query;
use super::watch::Watching;

/// The largest body of a request: as the real server's.
const BODY_BOUND: usize = 3 * 1024 * 1024;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Accepts connections until the runtime stops.
pub(crate) async fn serve(listener: std::net::TcpListener, api: Arc<Api>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, _)) if api.faults.gate().borrow().is_shut() => reset(&stream),
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&api)))),
            // No file descriptor is free: the next one may be.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn connection(stream: TcpStream, api: Arc<Api>) {
    let _ = stream.set_nodelay(true);
    let mut gate = api.faults.gate();
    let cuts = gate.borrow_and_update().cuts;
    // The handle outlives the connection's own, to decide how it ends.
    let Ok(stream) = stream.into_std() else { return };
    let Ok(handle) = stream.try_clone() else { return };
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let service = service_fn(|request| exchange(request, Arc::clone(&api)));
    let served =
        hyper::server::conn::http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        served = served => served.is_ok(),
        _ = gate.wait_for(|gate| gate.cuts != cuts) => false,
    };
    if !ended {
        let _ = socket2::SockRef::from(&handle).set_linger(Some(Duration::ZERO));
    }
}

/// Answers one request; an error cuts the connection.
async fn exchange(request: Request<Incoming>, api: Arc<Api>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let text = |name: &str| header(&head.headers, name);
    let raw_query = head.uri.query().unwrap_or("").to_owned();
    let body = match Limited::new(body, BODY_BOUND).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let status = Status::new(413, "RequestEntityTooLarge", format!("limit is {BODY_BOUND} bytes"));
            return Ok(response(413, handle::JSON, &[], None, full(status.to_value().to_string().into())));
        }
    };
    let asked = Asked {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: Query::parse(&raw_query),
        raw_query,
        accept: text("accept"),
        content_type: text("content-type"),
        user_agent: text("user-agent"),
        token: text("authorization").strip_prefix("Bearer ").unwrap_or("").to_owned(),
        body,
    };
    match handle::answer(&api, asked).await {
        Answer::Whole { code, media, body, warnings, retry_after } => {
            Ok(response(code, media, &warnings, retry_after, full(body)))
        }
        Answer::Watch(watching) => Ok(response(200, handle::JSON, &[], None, streamed(*watching))),
        Answer::Cut => Err(io::Error::other("the test wants this connection cut")),
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).collect();
    values.join(",")
}

fn response(code: u16, media: &'static str, warnings: &[String], retry_after: Option<u32>, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(media));
    headers.insert("cache-control", http::HeaderValue::from_static("no-cache, private"));
    for warning in warnings {
        if let Ok(value) = http::HeaderValue::from_str(&format!("299 - {warning:?}")) {
            headers.append("warning", value);
        }
    }
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.into());
    }
    response
}

fn full(body: Bytes) -> Body {
    Full::new(body).boxed_unsync()
}

fn streamed(watching: Watching) -> Body {
    let frames = stream::unfold(watching, |mut watching| async move {
        let piece = watching.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(piece)), watching))
    });
    BodyExt::boxed_unsync(StreamBody::new(frames))
}
