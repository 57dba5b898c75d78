//! Watches: the changes of a resource, as they happen.
//!
//! Decides: which events a watch sends, and when it ends.
//! Inputs: `resourceVersion`, `sendInitialEvents`, `allowWatchBookmarks`, `timeoutSeconds`, selectors; the log of changes.
//! Method: each watch has a cursor in the log and is woken by the pulse, so that no event is lost or held for it; one that falls
//!   behind the log's bound gets `ERROR` 410, as do those that start there.
//! Invariants: events come in the order of revisions; a bookmark never names a revision whose events were not sent.
//! Tested: `tests/kubernetes/server.rs`, `tests/kubernetes/client.rs`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::api::Api;
use super::kinds::Kind;
use super::list::{self, Form, render};
use super::selectors::Filter;
use super::status::{Cause, Status};
use super::store::{Change, Entry, Pulse, What};
use super::target::{Query, Target};

/// Changes that go into one piece of the answer.
const BATCH: usize = 512;
/// How long a watch lives that doesn't say: the real server takes 30 to 60 minutes.
const LIFE: Duration = Duration::from_secs(30 * 60);

/// A watch on its way.
pub(crate) struct Watching {
    api: Arc<Api>,
    kind: Arc<Kind>,
    version: String,
    filter: Filter,
    form: Form,
    bookmarks: bool,
    /// Everything up to this revision was sent.
    cursor: u64,
    /// What was there at the start and is yet to be sent.
    initial: VecDeque<Arc<Entry>>,
    /// Whether the end of what was there at the start is yet to be told.
    initial_end: bool,
    pulse: watch::Receiver<Pulse>,
    seen: Pulse,
    end: Instant,
    next_bookmark: Instant,
    /// Sent as the last event.
    failed: Option<Status>,
    done: bool,
}

impl Watching {
    /// Begins a watch.
    ///
    /// # Errors
    /// When its parameters contradict each other.
    pub(crate) fn begin(
        api: &Arc<Api>,
        kind: &Arc<Kind>,
        version: &str,
        target: &Target,
        query: &Query,
        form: Form,
    ) -> Result<Watching, Status> {
        let mut filter = list::filter(kind, target, query)?;
        if !target.name.is_empty() {
            let name = format!("metadata.name={}", target.name);
            filter.fields = super::selectors::Fields::parse(&name, &kind.key())?;
        }
        let streaming = streaming(query)?;
        let life = match query.get("timeoutSeconds") {
            "" | "0" => LIFE,
            text => {
                let seconds: u32 =
                    text.parse().map_err(|_| Status::bad_request(format!("timeoutSeconds {text:?} is not a number")))?;
                Duration::from_secs(u64::from(seconds))
            }
        };
        let now = Instant::now();
        let pulse = api.pulse.subscribe();
        let seen = *pulse.borrow();
        let bookmarks = query.is_true("allowWatchBookmarks");
        let mut watching = api.read(|state| {
            let given = match list::revision(state, query.get("resourceVersion")) {
                // A watch at a revision of the future is one from now on.
                Err(status) if status.code == 504 => Some(state.store.revision()),
                other => other?,
            };
            let from_start = if streaming.is_some() { streaming == Some(true) } else { given.is_none_or(|g| g == 0) };
            let resource = kind.key();
            let objects = || state.store.objects(&resource).filter(|e| filter.select(e)).cloned().collect();
            Ok::<_, Status>(Watching {
                initial: if from_start { objects() } else { VecDeque::new() },
                cursor: if from_start {
                    state.store.revision()
                } else {
                    given.filter(|g| *g > 0).unwrap_or(state.store.revision())
                },
                initial_end: streaming == Some(true) && bookmarks,
                api: Arc::clone(api),
                kind: Arc::clone(kind),
                version: version.to_owned(),
                filter: Filter::default(),
                form,
                bookmarks,
                pulse,
                seen,
                end: now + life,
                next_bookmark: now + api.bookmarks,
                failed: None,
                done: false,
            })
        })?;
        watching.filter = filter;
        Ok(watching)
    }

    /// The next piece of the answer; `None` at its end.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        while out.is_empty() && !self.done {
            if !self.initial.is_empty() {
                for _ in 0..BATCH {
                    let Some(entry) = self.initial.pop_front() else { break };
                    self.event("ADDED", &entry, &mut out);
                }
                continue;
            }
            if std::mem::take(&mut self.initial_end) {
                self.bookmark(true, &mut out);
                continue;
            }
            self.changes(&mut out);
            if !out.is_empty() || self.done {
                continue;
            }
            if let Some(status) = self.failed.take() {
                out.put_slice(json!({"type": "ERROR", "object": status.to_value()}).to_string().as_bytes());
                out.put_u8(b'\n');
                self.done = true;
                continue;
            }
            self.wait(&mut out).await;
        }
        (!out.is_empty()).then(|| out.freeze())
    }

    /// Sends what the log holds after the cursor.
    fn changes(&mut self, out: &mut BytesMut) {
        let (changes, current, gone) = self.api.read(|state| {
            let known = state.kinds.contains_key(&self.kind.group_resource());
            (state.store.changes(&self.kind.key(), self.cursor, BATCH), state.store.revision(), !known)
        });
        match changes {
            Ok(changes) => {
                self.cursor = if changes.len() < BATCH { current } else { changes.last().map_or(current, |c| c.revision) };
                changes.iter().for_each(|change| self.change(change, out));
                // More changes may be in the log than one piece holds.
                self.done = gone && out.is_empty();
            }
            Err(forgotten) => {
                let message = format!("too old resource version: {} ({})", self.cursor, forgotten.oldest);
                self.failed = Some(Status::expired(message));
            }
        }
    }

    /// Sends a change as the selectors see it: an object that leaves them is deleted, one that joins them is new.
    fn change(&self, change: &Change, out: &mut BytesMut) {
        let before = change.before.as_ref().is_some_and(|b| self.filter.select(b));
        let now = change.what != What::Deleted && self.filter.select(&change.now);
        match (before, now) {
            (false, true) => self.event("ADDED", &change.now, out),
            (true, true) => self.event("MODIFIED", &change.now, out),
            (true, false) if change.what == What::Deleted => self.event("DELETED", &change.now, out),
            (true, false) => self.event("DELETED", &self.as_left(change), out),
            (false, false) => {}
        }
    }

    /// An object that left the selectors: as it was when it was last seen, at the revision of the change.
    fn as_left(&self, change: &Change) -> Arc<Entry> {
        let Some(before) = &change.before else { return Arc::clone(&change.now) };
        Arc::new(super::write::seal(&self.kind, before.key.clone(), before.value(), change.revision))
    }

    fn event(&self, what: &str, entry: &Entry, out: &mut BytesMut) {
        out.put_slice(b"{\"type\":\"");
        out.put_slice(what.as_bytes());
        out.put_slice(b"\",\"object\":");
        out.put_slice(&render(&self.kind, &self.version, entry, self.form));
        out.put_slice(b"}\n");
    }

    fn bookmark(&self, initial_end: bool, out: &mut BytesMut) {
        let (kind, api_version) = match self.form {
            Form::Full => (self.kind.kind.as_str(), self.kind.api_version(&self.version)),
            Form::Partial => ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned()),
        };
        let mut metadata = json!({"resourceVersion": self.cursor.to_string(), "creationTimestamp": null});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        out.put_slice(json!({"type": "BOOKMARK", "object": object}).to_string().as_bytes());
        out.put_u8(b'\n');
    }

    /// Waits for something to send.
    async fn wait(&mut self, out: &mut BytesMut) {
        tokio::select! {
            changed = self.pulse.changed() => {
                let now = *self.pulse.borrow_and_update();
                if changed.is_err() || now.closed != self.seen.closed {
                    self.done = true;
                }
                if now.expired != self.seen.expired {
                    self.failed = Some(Status::expired(format!("too old resource version: {} ({})", self.cursor, now.revision)));
                }
                if now.bookmarks != self.seen.bookmarks && self.bookmarks {
                    self.changes(out);
                    self.bookmark(false, out);
                }
                self.seen = now;
            }
            () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                self.bookmark(false, out);
                self.next_bookmark += self.api.bookmarks.max(Duration::from_millis(1));
            }
            () = tokio::time::sleep_until(self.end) => {
                // The real server sends a bookmark shortly before the end, so that the next watch can go on from it.
                if self.bookmarks {
                    self.bookmark(false, out);
                }
                self.done = true;
            }
        }
    }
}

/// Whether the watch asks for what is there first, in the way of streaming lists.
fn streaming(query: &Query) -> Result<Option<bool>, Status> {
    let refuse = |field: &str, message: &str| {
        let wrong = Cause { reason: "FieldValueForbidden", field: field.to_owned(), message: format!("Forbidden: {message}") };
        Err(Status::invalid("meta.k8s.io", "ListOptions", "", &[wrong]))
    };
    let matching = query.get("resourceVersionMatch");
    if !query.is_given("sendInitialEvents") {
        if !matching.is_empty() {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            );
        }
        return Ok(None);
    }
    if matching != "NotOlderThan" {
        return refuse("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    Ok(Some(query.is_true("sendInitialEvents")))
}
