//! A local copy of a kind of object, kept by list and watch.
//!
//! Decides: when to list again, and how old the copy may be.
//! Inputs: list pages and watch events of one kind, in one namespace or in all.
//! Method: list in pages, then watch with bookmarks in short turns. The end of a turn and the start of the next prove that the
//!   copy is current even when nothing happens, which one long quiet watch cannot: its other end may be gone. Written here
//!   instead of taken from `kube::runtime`, which does not tell that age.
//! Invariants: an expired place (410) leads to a new list that replaces the copy whole; retries are spread and bounded; the
//!   copy's age never claims more than what the server confirmed.
//! Tested: `store`; `tests/it/resilience.rs` (expiry, outage, age).

mod labels;
mod store;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::api::{Api, ApiError, Path};
use crate::jitter;
pub(crate) use labels::Pair;
use store::Part;
pub(crate) use store::{Item, Kept, Key, Store};

/// Objects per page of a list.
const PAGE: &str = "500";
/// Longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Silence after the end of a turn that means the connection is dead.
const GRACE: Duration = Duration::from_secs(5);

/// What is watched.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// Such as `apps/v1`.
    pub(crate) group_version: &'static str,
    /// Such as `deployments`.
    pub(crate) plural: &'static str,
    /// One namespace, or all.
    pub(crate) namespace: Option<String>,
    /// Which of the copy's parts this is.
    pub(crate) part: usize,
    /// How long one turn of the watch lasts.
    pub(crate) turn: Duration,
}

impl Scope {
    fn part(&self) -> Part<'_> {
        Part { index: self.part, namespace: self.namespace.as_deref() }
    }

    fn path(&self) -> Path {
        Path::objects(self.group_version, self.namespace.as_deref(), self.plural)
    }
}

/// Keeps `store` current until dropped. Keys of objects that changed go to `changes`; when that is full, the periodic look at
/// every object finds the change a little later.
pub(crate) async fn follow<T>(api: Api, scope: Scope, store: Arc<Store<T::Kept>>, changes: Option<mpsc::Sender<Key>>)
where
    T: Item + DeserializeOwned + Clone + Send + 'static,
{
    let (mut place, mut failures) = (None::<String>, 0u32);
    loop {
        let done = match place.take() {
            None => list::<T>(&api, &scope, &store, changes.as_ref()).await,
            Some(from) => watch::<T>(&api, &scope, &store, changes.as_ref(), from).await,
        };
        match done {
            Ok(next) => (place, failures) = (Some(next), 0),
            Err(Lost { error, place: last }) => {
                if error.is_expired() {
                    tracing::debug!(kind = scope.plural, "the watch's place has expired; listing again");
                    place = None;
                } else {
                    tracing::warn!(kind = scope.plural, %error, "the watch broke off");
                    place = last;
                }
                failures = failures.saturating_add(1);
                store.failed(scope.part(), error.word());
                let asked = error.retry_after().unwrap_or_default().min(LONGEST_PAUSE * 2);
                tokio::time::sleep(pause(failures, &scope).max(asked)).await;
            }
        }
    }
}

/// 0.5 s, 1 s, 2 s... up to the longest, spread over half to the whole.
fn pause(failures: u32, scope: &Scope) -> Duration {
    let whole = Duration::from_millis(500).saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    whole.mul_f64(0.5 + 0.5 * jitter::fraction(scope.plural, failures))
}

/// A failure, and from where to go on.
struct Lost {
    error: ApiError,
    place: Option<String>,
}

impl From<ApiError> for Lost {
    fn from(error: ApiError) -> Lost {
        Lost { error, place: None }
    }
}

async fn list<T>(api: &Api, scope: &Scope, store: &Store<T::Kept>, changes: Option<&mpsc::Sender<Key>>) -> Result<String, Lost>
where
    T: Item + DeserializeOwned + Clone + Send + 'static,
{
    let began = Instant::now();
    let mut filling = store.fill();
    let mut token = String::new();
    loop {
        // "0" would allow an answer from a cache that is behind; without it the list is what the cluster agreed on.
        let mut path = scope.path().query("limit", PAGE);
        if !token.is_empty() {
            path = path.query("continue", &token);
        }
        let page = api.list::<T>(&path).await?;
        for item in page.items {
            filling.put(item.key(), item.keep());
        }
        token = page.metadata.token;
        if token.is_empty() {
            let changed = store.replace(filling, scope.part(), began);
            if let Some(changes) = changes {
                changed.into_iter().for_each(|key| drop(changes.try_send(key)));
            }
            return Ok(page.metadata.resource_version);
        }
    }
}

async fn watch<T>(
    api: &Api,
    scope: &Scope,
    store: &Store<T::Kept>,
    changes: Option<&mpsc::Sender<Key>>,
    from: String,
) -> Result<String, Lost>
where
    T: Item + DeserializeOwned + Clone + Send + 'static,
{
    let seconds = scope.turn.as_secs().max(1).to_string();
    let path = scope.path().query("watch", "true").query("allowWatchBookmarks", "true");
    let path = path.query("timeoutSeconds", &seconds).query("resourceVersion", &from);
    let mut place = from;
    let began = Instant::now();
    let mut events = match api.watch::<T>(&path).await {
        Ok(events) => Box::pin(events),
        Err(error) => return Err(Lost { error, place: Some(place) }),
    };
    // Being let in from this place proves that nothing has expired, not yet that nothing is still to come: what had happened by
    // now arrives within moments, or the turn fails.
    let end = scope.turn + GRACE;
    loop {
        let left = end.saturating_sub(began.elapsed());
        let lost = |error, place: &str| Lost { error, place: Some(place.to_owned()) };
        let event = match tokio::time::timeout(left, events.next()).await {
            Err(_) => return Err(lost(ApiError::TimedOut(end), &place)),
            Ok(None) => {
                store.confirmed(scope.part(), Instant::now());
                return Ok(place);
            }
            Ok(Some(Err(error))) => return Err(lost(error, &place)),
            Ok(Some(Ok(event))) => event,
        };
        let changed = match event {
            WatchEvent::Added(item) | WatchEvent::Modified(item) => {
                let (key, version) = (item.key(), item.resource_version().to_owned());
                let matters = store.put(key.clone(), item.keep(), T::matters);
                place = version;
                matters.then_some(key)
            }
            WatchEvent::Deleted(item) => {
                store.remove(&item.key());
                place = item.resource_version().to_owned();
                Some(item.key())
            }
            WatchEvent::Bookmark(mark) => {
                place = mark.metadata.resource_version;
                None
            }
            WatchEvent::Error(status) => return Err(lost(kube::Error::Api(status).into(), &place)),
        };
        store.confirmed(scope.part(), Instant::now());
        if let (Some(changes), Some(key)) = (changes, changed) {
            let _ = changes.try_send(key);
        }
    }
}
