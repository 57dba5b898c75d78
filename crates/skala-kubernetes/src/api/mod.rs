//! Requests to the API server: each with a time limit, each counted.
//!
//! Decides: nothing; tells errors apart by what can be done about them.
//! Inputs: a `kube` client (TLS, credentials, proxies are its part), paths, bodies that are already JSON.
//! Method: lean types decoded straight from the answer, instead of generated ones that keep every field.
//! Invariants: no request lasts longer than its limit; no answer's text reaches a log, since it may hold a secret.
//! Tested: `path` and `error` in their modules; the rest in `tests/it`.

mod error;
mod manners;
pub(crate) mod meta;
pub(crate) mod path;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use kube::core::WatchEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::ApiError;
pub(crate) use error::bounded;
use manners::Manners;
pub(crate) use meta::{List, Meta};
pub(crate) use path::Path;

/// Longest wait for an answer that is not a watch. Half of what lies between a lease's `renewDeadline` and its end, so that a
/// write which was begun as leader is over before another can lead.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_millis(2500);
/// Longest wait for a list: pages of hundreds of objects.
pub(crate) const LIST_LIMIT: Duration = Duration::from_secs(20);

/// Requests by verb and outcome (`200`, `409`, `Timeout`...).
pub type ApiTotals = BTreeMap<(&'static str, String), u64>;

/// The API server, as the controller talks to it. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    client: Client,
    totals: Arc<Mutex<ApiTotals>>,
    manners: Arc<Manners>,
}

/// How a body changes an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Create,
    Replace,
    MergePatch,
}

impl Api {
    /// Talks through a client.
    pub fn new(client: Client) -> Api {
        Api { client, totals: Arc::default(), manners: Arc::default() }
    }

    /// What was asked so far.
    pub fn totals(&self) -> ApiTotals {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, ApiError> {
        self.ask("get", path, Method::GET, None, Vec::new(), REQUEST_LIMIT).await
    }

    /// One page of a list.
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &Path) -> Result<List<T>, ApiError> {
        self.ask("list", path, Method::GET, None, Vec::new(), LIST_LIMIT).await
    }

    pub(crate) async fn write<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        how: Write,
        path: &Path,
        body: &B,
    ) -> Result<T, ApiError> {
        let (verb, method, content) = match how {
            Write::Create => ("create", Method::POST, "application/json"),
            Write::Replace => ("update", Method::PUT, "application/json"),
            Write::MergePatch => ("patch", Method::PATCH, "application/merge-patch+json"),
        };
        let body = serde_json::to_vec(body).map_err(|e| ApiError::Unbuildable(e.to_string()))?;
        self.ask(verb, path, method, Some(content), body, REQUEST_LIMIT).await
    }

    /// Starts a watch; the stream ends when the server ends it.
    pub(crate) async fn watch<T: DeserializeOwned + Clone + 'static>(
        &self,
        path: &Path,
    ) -> Result<impl Stream<Item = Result<WatchEvent<T>, ApiError>> + use<T>, ApiError> {
        let request = request(Method::GET, path, None, Vec::new())?;
        self.manners.wait(path, REQUEST_LIMIT).await?;
        let opened = tokio::time::timeout(REQUEST_LIMIT, self.client.request_events::<T>(request)).await;
        let opened = opened.unwrap_or_else(|_| Err(late())).map_err(ApiError::from);
        self.manners.note(path, opened.as_ref().err());
        self.count("watch", opened.as_ref().err());
        Ok(opened?.map(|event| event.map_err(ApiError::from)))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        verb: &'static str,
        path: &Path,
        method: Method,
        content: Option<&'static str>,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<T, ApiError> {
        let request = request(method, path, content, body)?;
        self.manners.wait(path, limit).await?;
        let answer = match tokio::time::timeout(limit, self.answer(request)).await {
            Err(_) => Err(ApiError::TimedOut(limit)),
            Ok(answer) => answer,
        };
        self.manners.note(path, answer.as_ref().err());
        self.count(verb, answer.as_ref().err());
        serde_json::from_slice(&answer?).map_err(|e| ApiError::Unreadable(e.to_string()))
    }

    async fn answer(&self, request: Request<Vec<u8>>) -> Result<Vec<u8>, ApiError> {
        let response = self.client.send(request.map(Body::from)).await?;
        let (head, body) = response.into_parts();
        let bytes = body.collect_bytes().await?;
        if head.status.is_success() { Ok(bytes.to_vec()) } else { Err(ApiError::refused(&head, &bytes)) }
    }

    fn count(&self, verb: &'static str, error: Option<&ApiError>) {
        let outcome = match error {
            None => "200".to_owned(),
            Some(error) => error.code().map_or_else(|| error.word().to_owned(), |code| code.to_string()),
        };
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner).entry((verb, outcome)).or_insert(0) += 1;
    }
}

fn late() -> kube::Error {
    kube::Error::ReadEvents(std::io::Error::from(std::io::ErrorKind::TimedOut))
}

fn request(method: Method, path: &Path, content: Option<&'static str>, body: Vec<u8>) -> Result<Request<Vec<u8>>, ApiError> {
    let mut request = Request::builder().method(method).uri(path.as_str()).header("accept", "application/json");
    if let Some(content) = content {
        request = request.header("content-type", content);
    }
    request.body(body).map_err(|e| ApiError::Unbuildable(e.to_string()))
}
