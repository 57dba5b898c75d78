//! Takes a request aside: what is kept of its head, and its body.
//!
//! Decides: whether a request is answered beside the data path.
//! Invariants: what is kept is what a replica would have got, without `Prefer`.

use std::sync::Arc;

use super::{Async, Held, MAX_KEPT_HEADERS, MAX_QUESTION, Offload, Offloaded, Offloader, PREFIX, Prefer, Purpose};
use crate::codec::body::{Body, Encoding};
use crate::codec::fields::{self, Field};
use crate::codec::reject::Reject;
use crate::codec::request::{Framing, RequestHead};
use crate::request_id::RequestId;
use crate::routes::RouteTable;

/// A request that is answered beside the data path, before its body is there.
pub(crate) struct Aside {
    pub(crate) to: Arc<dyn Offload>,
    pub(crate) request: Offloaded,
    pub(crate) request_id: RequestId,
    pub(crate) body: Body,
    pub(crate) max_body: u64,
    pub(crate) held: Held,
    pub(crate) expects_continue: bool,
    pub(crate) is_head: bool,
    pub(crate) http11: bool,
    pub(crate) close: bool,
}

impl Aside {
    /// Takes the request aside if it belongs there.
    pub(crate) fn read(
        table: &RouteTable,
        request: &RequestHead<'_, '_>,
        request_id: RequestId,
        peer: &str,
    ) -> Result<Option<Aside>, Reject> {
        let Offloader { to: Some(to), held } = table.offloader() else { return Ok(None) };
        let Some((purpose, max_body)) = purpose(table, request) else { return Ok(None) };
        if matches!(request.framing, Framing::Length(n) if n > max_body) {
            return Err(Reject::BodyTooLarge);
        }
        let request_words = Offloaded {
            purpose,
            method: request.method.to_owned(),
            target: request.target.to_owned(),
            headers: kept(request, peer)?,
            body: bytes::Bytes::new(),
            request_id: request_id.as_str().to_owned(),
            prefer: prefer(request),
        };
        Ok(Some(Aside {
            to: Arc::clone(to),
            request: request_words,
            request_id,
            body: Body::new(request.framing, Encoding::Raw),
            max_body,
            held: Held::nothing(held),
            expects_continue: request.expects_continue,
            is_head: request.method == "HEAD",
            http11: request.http11,
            close: request.connection.close || !request.http11,
        }))
    }
}

/// What is wanted, and the longest body for it.
fn purpose(table: &RouteTable, request: &RequestHead<'_, '_>) -> Option<(Purpose, u64)> {
    if request.target.starts_with(PREFIX) {
        return Some((Purpose::Ask, MAX_QUESTION));
    }
    let route = table.find(request.host, request.target)?;
    let Async { queue, max_body } = route.offload.as_ref()?;
    let wanted = !request.websocket && prefer(request).respond_async;
    wanted.then(|| (Purpose::Submit { queue: Arc::clone(queue) }, route.max_body.min(*max_body)))
}

fn prefer(request: &RequestHead<'_, '_>) -> Prefer {
    let mut prefer = Prefer::default();
    request.headers.iter().filter(|h| is_prefer(h.name)).for_each(|h| prefer.read(h.value));
    prefer
}

fn is_prefer(name: &str) -> bool {
    name.eq_ignore_ascii_case("prefer")
}

/// The headers that a replica would get, and where the request came from.
fn kept(request: &RequestHead<'_, '_>, peer: &str) -> Result<Vec<(String, String)>, Reject> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let mut kept = Vec::new();
    let mut forwarded_for = String::new();
    for header in request.headers {
        match fields::classify(header.name) {
            Field::Other if !request.connection.names(header.name) && !is_prefer(header.name) => {
                kept.push((header.name.to_owned(), text(header.value)));
            }
            Field::ForwardedFor => forwarded_for += &(text(header.value) + ", "),
            _ => {}
        }
    }
    kept.push(("X-Forwarded-For".into(), forwarded_for + peer));
    kept.push(("X-Forwarded-Proto".into(), "http".into()));
    kept.extend(request.host.map(|host| ("X-Forwarded-Host".to_owned(), host.to_owned())));
    let bytes: usize = kept.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_KEPT_HEADERS { Err(Reject::HeadTooLarge) } else { Ok(kept) }
}
