//! One look at one autoscaler: read, decide, act, tell.
//!
//! Decides: nothing about the size; whether what was read is fresh and unambiguous enough to act on.
//! Inputs: the watches' copies with their age, `/scale`, the metrics APIs, triggers, the leadership.
//! Invariants: a size is written only by the leader, on fresh copies, on the very version of the scale that was decided on, and
//!   for the very generation of the autoscaler that is still there.
//! Tested: `tests/it`.

mod act;
mod by_hpa;
mod by_own;
mod gather;
mod look;
mod publish;
mod runtime;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use skala_types::Time;

use crate::api::Api;
use crate::cluster::samples::Samples;
use crate::cluster::secrets::Secrets;
use crate::cluster::{Discovery, Located, ScaleObject, Scales};
use crate::election::Leadership;
use crate::events::Events;
use crate::objects::{KeptAutoscaler, KeptHpa, KeptPod};
use crate::queue::Ended;
use crate::selectors::Selectors;
use crate::settings::Settings;
use crate::sources::Sources;
use crate::stats::Stats;
use crate::targets::Targets;
use crate::watch::{Key, Store};
pub(crate) use runtime::Runtime;

/// Everything that looks share.
pub(crate) struct Reconciler {
    pub(crate) api: Api,
    pub(crate) settings: Settings,
    pub(crate) leadership: Leadership,
    pub(crate) autoscalers: Arc<Store<KeptAutoscaler>>,
    pub(crate) pods: Arc<Store<KeptPod>>,
    pub(crate) hpas: Arc<Store<KeptHpa>>,
    pub(crate) targets: Targets,
    pub(crate) selectors: Selectors,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) scales: Scales,
    pub(crate) samples: Samples,
    pub(crate) secrets: Secrets,
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) events: Events,
    pub(crate) stats: Stats,
    pub(crate) runtimes: Mutex<HashMap<Key, Runtime>>,
    pub(crate) wall: fn() -> Time,
}

/// One look's subject.
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a Key,
    pub(crate) object: &'a KeptAutoscaler,
    pub(crate) now: Time,
}

/// The target as it was read.
pub(crate) struct Sized {
    pub(crate) at: Located,
    pub(crate) scale: ScaleObject,
}

impl Reconciler {
    /// Looks at one autoscaler.
    pub(crate) async fn look(&self, key: &Key) -> Ended {
        if !self.leadership.leads() {
            return Ended::Well;
        }
        let Some(object) = self.autoscalers.get(key).filter(|o| !o.leaving) else {
            self.forget(key);
            return Ended::Well;
        };
        let began = Instant::now();
        let mut runtime = self.take(key, &object);
        let ended = self.decide_and_act(key, &object, &mut runtime).await;
        self.stats.looked(began.elapsed());
        self.runtimes().insert(key.clone(), runtime);
        ended
    }

    /// Forgets an autoscaler that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        self.runtimes().remove(key);
        self.selectors.forget(key);
        self.events.forget(key);
        self.stats.forget(key);
    }

    /// Forgets everything: another process may have acted since.
    pub(crate) fn forget_all(&self) {
        self.runtimes().clear();
    }

    fn runtimes(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Runtime>> {
        self.runtimes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, key: &Key, object: &KeptAutoscaler) -> Runtime {
        let known = self.runtimes().remove(key);
        // The same name with another identity is another object; another term may follow other leaders' acts.
        known
            .filter(|r| r.uid == object.uid && r.term == self.leadership.term())
            .unwrap_or_else(|| Runtime::new(object, self.leadership.term()))
    }

    /// Why nothing may be scaled now: a copy that the server has not confirmed for too long.
    pub(crate) fn stale(&self) -> Option<String> {
        let bound = self.settings.stale_after();
        let copies = [
            ("autoscalers", self.autoscalers.age(), self.autoscalers.failure()),
            ("pods", self.pods.age(), self.pods.failure()),
            ("horizontalpodautoscalers", self.hpas.age(), self.hpas.failure()),
        ];
        copies.into_iter().find_map(|(kind, age, failure)| {
            let why = failure.map_or_else(String::new, |f| format!(" ({f})"));
            match age {
                Some(age) if age <= bound => None,
                Some(age) => Some(format!(
                    "the copy of {kind} is {} s old{why}; at most {} s are acted on",
                    age.as_secs(),
                    bound.as_secs()
                )),
                None => Some(format!("{kind} have not been listed yet{why}")),
            }
        })
    }
}
