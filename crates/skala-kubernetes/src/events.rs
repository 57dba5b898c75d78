//! Kubernetes' Events about autoscalers.
//!
//! Decides: which events are sent: the same one again only after a while, and not more than a few per object.
//! Method: client-go's spam filter: a bucket of 25 per object, one more every five minutes; a repeated event raises its count.
//! Invariants: bounded memory; an event that cannot be sent is dropped and never holds up a decision.
//! Tested: `tests/it/acting.rs`.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skala_types::Time;

use crate::api::{Api, ApiError, Path, Write, bounded};
use crate::decide::Tells;
use crate::objects::autoscaler::{GROUP_VERSION, KIND};
use crate::objects::time;
use crate::watch::Key;

const BURST: f64 = 25.0;
const REFILL: Duration = Duration::from_secs(300);
/// The same event is not repeated sooner.
const REPEAT: Duration = Duration::from_secs(300);
const MOST: usize = 20_000;

struct Told {
    name: String,
    count: u32,
    at: Instant,
}

struct Bucket {
    left: f64,
    at: Instant,
}

#[derive(Default)]
struct Memory {
    told: HashMap<(Key, u64), Told>,
    buckets: HashMap<Key, Bucket>,
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
enum Send {
    New(String),
    Again(String, u32),
}

/// Tells people what happened.
pub(crate) struct Events {
    api: Api,
    component: String,
    memory: Mutex<Memory>,
}

impl Events {
    pub(crate) fn new(api: Api, component: impl Into<String>) -> Events {
        Events { api, component: component.into(), memory: Mutex::default() }
    }

    pub(crate) async fn tell(&self, key: &Key, uid: &str, event: &Tells, now: Time) {
        // A change of size is news each time; a failure is the same failure until it changes.
        let once = event.warning.then_some(());
        let Some(send) = self.pass(key, event, once.is_some(), now, Instant::now()) else { return };
        let sent = match &send {
            Send::New(name) => self.create(key, uid, event, name, now).await,
            Send::Again(name, count) => self.count(key, name, *count, now).await,
        };
        if let Err(error) = sent {
            tracing::debug!(%key, reason = %event.reason, %error, "the event could not be told");
        }
    }

    fn pass(&self, key: &Key, event: &Tells, once: bool, wall: Time, now: Instant) -> Option<Send> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.told.len() > MOST || memory.buckets.len() > MOST {
            memory.told.retain(|_, told| now.duration_since(told.at) < REPEAT);
            memory.buckets.retain(|_, bucket| now.duration_since(bucket.at) < REFILL * BURST as u32);
        }
        let mut hasher = std::hash::DefaultHasher::new();
        (&event.reason, &event.message).hash(&mut hasher);
        let hash = hasher.finish();
        let id = (key.clone(), hash);
        if once && memory.told.get(&id).is_some_and(|told| now.duration_since(told.at) < REPEAT) {
            return None;
        }
        let bucket = memory.buckets.entry(key.clone()).or_insert(Bucket { left: BURST, at: now });
        bucket.left = (bucket.left + now.duration_since(bucket.at).as_secs_f64() / REFILL.as_secs_f64()).min(BURST);
        bucket.at = now;
        if bucket.left < 1.0 {
            return None;
        }
        bucket.left -= 1.0;
        if let Some(told) = memory.told.get_mut(&id) {
            (told.count, told.at) = (told.count.saturating_add(1), now);
            return Some(Send::Again(told.name.clone(), told.count));
        }
        let mut short = key.name.to_string();
        short.truncate(200);
        let name = format!("{}.{:x}{:08x}", short.trim_end_matches(['.', '-']), wall.as_nanos(), hash as u32);
        memory.told.insert(id, Told { name: name.clone(), count: 1, at: now });
        Some(Send::New(name))
    }

    async fn create(&self, key: &Key, uid: &str, event: &Tells, name: &str, now: Time) -> Result<(), ApiError> {
        let at = time::seconds(now);
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": &*key.namespace},
            "involvedObject": {"apiVersion": GROUP_VERSION, "kind": KIND, "namespace": &*key.namespace, "name": &*key.name, "uid": uid},
            "reason": event.reason,
            "message": bounded(&event.message),
            "type": if event.warning { "Warning" } else { "Normal" },
            "source": {"component": "skala-controller", "host": self.component},
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
        });
        self.api.write::<_, Value>(Write::Create, &Path::objects("v1", Some(&key.namespace), "events"), &body).await.map(drop)
    }

    async fn count(&self, key: &Key, name: &str, count: u32, now: Time) -> Result<(), ApiError> {
        let path = Path::objects("v1", Some(&key.namespace), "events").segment(name);
        let patch = json!({"count": count, "lastTimestamp": time::seconds(now)});
        self.api.write::<_, Value>(Write::MergePatch, &path, &patch).await.map(drop)
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.told.retain(|(of, _), _| of != key);
        memory.buckets.remove(key);
    }
}
