//! What the demo backend answers.
//!
//! Decides: the answer to each request.
//! Inputs: paths and query parameters; times in milliseconds (`ms`), bounded by [`MAX_MS`].
//! Invariants: bodies stream in both directions; nothing that a client asks for is held in memory whole.
//! Tested: `tests.rs`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{any, get};
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::BackendArgs;
use super::chance::{self, Chance};
use super::cpu::CpuPool;

/// The longest that `/cpu`, `/sleep` and one chunk of `/stream` may take, milliseconds.
const MAX_MS: u64 = 600_000;

/// The most chunks of `/stream`.
const MAX_CHUNKS: u64 = 100_000;

/// The largest answer of `/bytes`.
const MAX_BYTES: u64 = 10 * 1024 * 1024 * 1024;

/// The largest body that `/echo` reads.
const MAX_ECHO: u64 = 1024 * 1024 * 1024;

/// The largest message of `/ws`, bytes.
const MAX_MESSAGE: usize = 1024 * 1024;

/// What `/bytes` sends, again and again.
static ZEROES: [u8; 64 * 1024] = [b'0'; 64 * 1024];

#[derive(Clone)]
struct App {
    cpu: CpuPool,
    sleepers: Option<Arc<Semaphore>>,
    chance: Chance,
}

/// All endpoints.
///
/// # Errors
/// When the CPU threads cannot be started.
pub(super) fn router(args: &BackendArgs) -> std::io::Result<Router> {
    let places = args.concurrency.map(|n| Arc::new(Semaphore::new(n as usize)));
    let app =
        App { cpu: CpuPool::start(args.workers)?, sleepers: places, chance: Chance::new(args.seed, &args.replica, "service") };
    // A name that is no header value is left out rather than made up.
    let replica = HeaderValue::from_str(&args.replica).ok().filter(|name| !name.is_empty());
    Ok(Router::new()
        .route("/", get(async || "skala demo backend\n"))
        .route("/health", get(async || "ok\n"))
        .route("/cpu", any(cpu))
        .route("/sleep", any(sleep))
        .route("/stream", any(stream_chunks))
        .route("/echo", any(echo))
        .route("/ws", any(websocket))
        .route("/status/{code}", any(status))
        .route("/bytes/{n}", get(bytes))
        .layer(map_response_with_state(replica, name_replica))
        .with_state(app))
}

async fn name_replica(State(replica): State<Option<HeaderValue>>, mut response: Response) -> Response {
    if let Some(replica) = replica {
        response.headers_mut().insert(HeaderName::from_static("x-replica"), replica);
    }
    response
}

#[derive(Deserialize)]
struct Millis {
    ms: Option<u64>,
}

impl Millis {
    fn or(&self, default: u64) -> Duration {
        Duration::from_millis(self.ms.unwrap_or(default).min(MAX_MS))
    }
}

async fn cpu(State(app): State<App>, Query(wanted): Query<Millis>) -> Response {
    if app.cpu.burn(wanted.or(5)).await {
        "burnt\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "too many requests wait for the CPU\n").into_response()
    }
}

#[derive(Deserialize)]
struct Nap {
    ms: Option<u64>,
    /// Coefficient of variation; log-normal.
    cv: Option<f64>,
}

async fn sleep(State(app): State<App>, Query(wanted): Query<Nap>) -> Response {
    let cv = wanted.cv.unwrap_or(0.0);
    if !chance::is_cv(cv) {
        return (StatusCode::BAD_REQUEST, "cv lies between 0 and 100\n").into_response();
    }
    let mean = Millis { ms: wanted.ms }.or(50);
    let _place = match &app.sleepers {
        Some(places) => places.acquire().await.ok(),
        None => None,
    };
    tokio::time::sleep(app.chance.draw(mean, cv).min(Duration::from_millis(MAX_MS))).await;
    "slept\n".into_response()
}

#[derive(Deserialize)]
struct Chunks {
    chunks: Option<u64>,
    ms: Option<u64>,
}

async fn stream_chunks(Query(wanted): Query<Chunks>) -> Response {
    let chunks = wanted.chunks.unwrap_or(10).min(MAX_CHUNKS);
    let pause = Millis { ms: wanted.ms }.or(100);
    let events = stream::iter(0..chunks).then(move |i| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(Bytes::from(format!("data: {{\"chunk\":{i}}}\n\n")))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(events)).into_response()
}

/// Says what came: method, path, headers, and length and checksum (FNV-1a, 64 bit) of the body.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (mut length, mut checksum) = (0u64, 0xcbf2_9ce4_8422_2325u64);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return (StatusCode::BAD_REQUEST, "the body ended early\n").into_response() };
        length += chunk.len() as u64;
        if length > MAX_ECHO {
            return (StatusCode::PAYLOAD_TOO_LARGE, "more than 1 GiB\n").into_response();
        }
        checksum = chunk.iter().fold(checksum, |sum, b| (sum ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    }
    Json(json!({
        "method": parts.method.as_str(),
        "path": parts.uri.to_string(),
        "headers": headers_as_json(&parts.headers),
        "bodyBytes": length,
        "bodyFnv1a64": format!("{checksum:016x}"),
    }))
    .into_response()
}

/// Headers by name; a name that came several times has its values joined by commas.
fn headers_as_json(headers: &HeaderMap) -> Value {
    let values = |name: &HeaderName| {
        let all: Vec<_> = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect();
        Value::String(all.join(", "))
    };
    Value::Object(headers.keys().map(|name| (name.to_string(), values(name))).collect::<Map<_, _>>())
}

async fn websocket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(MAX_MESSAGE).on_upgrade(echo_messages)
}

async fn echo_messages(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let echoed = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            // The library answers pings itself.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => return,
        };
        if echoed.is_err() {
            return;
        }
    }
}

async fn status(Path(code): Path<u16>) -> Response {
    match StatusCode::from_u16(code) {
        Ok(status) if (200..600).contains(&code) => status.into_response(),
        _ => (StatusCode::BAD_REQUEST, "a status lies between 200 and 599\n").into_response(),
    }
}

async fn bytes(Path(n): Path<u64>) -> Response {
    if n > MAX_BYTES {
        return (StatusCode::BAD_REQUEST, "at most 10 GiB\n").into_response();
    }
    let whole = ZEROES.len() as u64;
    let sizes = stream::iter((0..n.div_ceil(whole)).map(move |i| (n - i * whole).min(whole) as usize));
    let body = Body::from_stream(sizes.map(|size| Ok::<_, Infallible>(Bytes::from_static(&ZEROES[..size]))));
    ([(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_LENGTH, n.to_string())], body)
        .into_response()
}
