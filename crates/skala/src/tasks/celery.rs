//! Queues that live in Celery brokers: their numbers, what their workers hold, and how a worker is emptied.
//!
//! Decides: nothing; one watcher looks at each broker, a replica is the worker whose main process it is.
//! Invariants: no call of the controller waits for a broker; a broker that fails is shown with its reason and the age of its numbers.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError, Weak};

use anyhow::Context;
use skala_autoscaler::{QueueObservation, SignalObservation};
use skala_celery::{Broker, BrokerSettings, CeleryQueueStats, HeartbeatSettings, Layout, View, WatchSettings, Watcher};
use skala_controller::Held;
use skala_controller::platform::{LocalPlatform, Platform as _};
use skala_spec::{CeleryQueue, Delivery, TaskQueue};
use skala_types::{ReplicaId, Sampled, ServiceName, Time};
use tokio::runtime::Handle;

/// The brokers of a platform.
pub struct Brokers {
    watched: Vec<Watched>,
    local: OnceLock<Weak<LocalPlatform>>,
    /// Main processes of replicas as they were last seen: a dead one is not asked any more.
    processes: Mutex<BTreeMap<(ServiceName, ReplicaId), u32>>,
    runtime: Handle,
}

/// A queue there: its name in the platform file, its name in the broker, and whose workers take from it.
type Queue = (String, String, ServiceName);

/// One broker, with the queues that are looked at there.
struct Watched {
    queues: Vec<Queue>,
    watcher: Watcher,
}

impl Brokers {
    /// Begins to look at every broker that queues name.
    ///
    /// # Errors
    /// When an address is not one of a Redis.
    pub fn start(queues: &[TaskQueue]) -> anyhow::Result<Brokers> {
        let mut groups: Vec<(CeleryQueue, Vec<Queue>)> = Vec::new();
        for queue in queues {
            let Delivery::Celery { service, celery } = &queue.delivery else { continue };
            let entry = (queue.settings.name.to_string(), celery.queue.clone(), service.clone());
            match groups.iter_mut().find(|(like, _)| same_broker(like, celery)) {
                Some((_, queues)) => queues.push(entry),
                None => groups.push((celery.clone(), vec![entry])),
            }
        }
        let watch = |(like, queues): (CeleryQueue, Vec<Queue>)| {
            let broker = Broker::new(settings(&like)).with_context(|| format!("queues.{}.deliver.celery.broker", queues[0].0))?;
            let names = queues.iter().map(|(_, there, _)| there.clone()).collect();
            let heartbeat = like.heartbeat.then(HeartbeatSettings::default);
            let watcher = Watcher::start(broker, WatchSettings { heartbeat, ..WatchSettings::new(names) });
            Ok(Watched { queues, watcher })
        };
        let watched = groups.into_iter().map(watch).collect::<anyhow::Result<_>>()?;
        Ok(Brokers { watched, local: OnceLock::new(), processes: Mutex::default(), runtime: Handle::current() })
    }

    /// Where replicas run: a worker is recognised by its process.
    pub fn know(&self, local: Weak<LocalPlatform>) {
        // Told once, at the start.
        let _ = self.local.set(local);
    }

    /// The queues that a service's workers take from, as they were last seen.
    pub fn observe(&self, service: &str, now: Time) -> Vec<SignalObservation> {
        let of = |w: &Watched| {
            let view = w.watcher.view();
            let own = w.queues.iter().filter(|(_, _, whose)| whose.as_str() == service);
            own.map(|(name, there, _)| observation(name, there, &view, now)).collect::<Vec<_>>()
        };
        self.watched.iter().flat_map(of).collect()
    }

    /// The queues as they were last seen, by their names in the file, and why the last look failed.
    pub fn stats(&self, name: &str) -> (Option<CeleryQueueStats>, Option<String>) {
        let found = self.watched.iter().find_map(|w| Some((w, w.queues.iter().find(|(own, ..)| own == name)?)));
        let Some((watched, (_, there, _))) = found else { return (None, None) };
        (watched.watcher.stats(there), watched.watcher.view().error.clone())
    }

    /// What a replica's worker runs now. What it has taken and not begun goes back by itself when it ends.
    pub fn held_by(&self, service: &ServiceName, replica: ReplicaId) -> Held {
        let Some(watched) = self.of(service) else { return Held::default() };
        let Some(pid) = self.process(service, replica) else { return Held::default() };
        let view = watched.watcher.view();
        let running = view.workers.iter().find(|w| w.pid == Some(pid)).map_or(0, |w| w.running);
        Held { tasks: u32::try_from(running).unwrap_or(u32::MAX), left: None }
    }

    /// A replica's worker takes nothing more.
    pub fn drain(&self, service: &ServiceName, replica: ReplicaId) {
        let (Some(watched), Some(pid)) = (self.of(service), self.process(service, replica)) else { return };
        let view = watched.watcher.view();
        let Some(worker) = view.workers.iter().find(|w| w.pid == Some(pid)).map(|w| w.name.clone()) else { return };
        let remote = watched.watcher.remote().clone();
        let queues: Vec<_> = watched.queues.iter().filter(|(.., s)| s == service).map(|(_, there, _)| there.clone()).collect();
        self.runtime.spawn(async move {
            for queue in queues {
                // SIGTERM, which follows, is its warm shutdown all the same.
                if let Err(error) = remote.cancel_consumer(&queue, Some(std::slice::from_ref(&worker))).await {
                    tracing::warn!(%error, "failed to let {worker} take no more from {queue}");
                }
            }
        });
    }

    /// A replica's worker has ended: what it had is given to others at once.
    pub fn gone(&self, service: &ServiceName, replica: ReplicaId) {
        let pid = self.lock().remove(&(service.clone(), replica));
        if let (Some(watched), Some(pid)) = (self.of(service), pid) {
            watched.watcher.process_died(pid);
        }
    }

    fn of(&self, service: &ServiceName) -> Option<&Watched> {
        self.watched.iter().find(|w| w.queues.iter().any(|(.., whose)| whose == service))
    }

    /// The main process of a replica, now or when it was last seen.
    fn process(&self, service: &ServiceName, replica: ReplicaId) -> Option<u32> {
        let local = self.local.get().and_then(Weak::upgrade);
        let now = local.and_then(|l| l.replicas().into_iter().find(|r| r.service == *service && r.id == replica)?.pid);
        let mut processes = self.lock();
        match now {
            Some(pid) => {
                processes.insert((service.clone(), replica), pid);
                Some(pid)
            }
            None => processes.get(&(service.clone(), replica)).copied(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(ServiceName, ReplicaId), u32>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn same_broker(a: &CeleryQueue, b: &CeleryQueue) -> bool {
    let key = |q: &CeleryQueue| (q.visibility_timeout, q.heartbeat, q.key_prefix.clone(), q.priority_steps.clone());
    a.broker.expose() == b.broker.expose() && key(a) == key(b)
}

fn settings(celery: &CeleryQueue) -> BrokerSettings {
    let layout = Layout {
        prefix: celery.key_prefix.clone(),
        priority_steps: celery.priority_steps.clone(),
        visibility_timeout: celery.visibility_timeout,
        ..Layout::default()
    };
    BrokerSettings { url: celery.broker.expose().to_owned(), layout, ..BrokerSettings::default() }
}

fn observation(name: &str, there: &str, view: &View, now: Time) -> SignalObservation {
    let found = view.queues.iter().find(|q| q.queue == there);
    let (Some(stats), Some(at)) = (found, view.at) else {
        let why = view.error.as_deref().unwrap_or("the broker was not looked at yet");
        return SignalObservation::failed(name, why, u32::from(view.error.is_some()));
    };
    let queue = QueueObservation {
        ready: stats.ready as f64,
        leased: stats.leased as f64,
        due_soon: stats.due_soon as f64,
        oldest_age: stats.oldest_age,
        arrival_rate: stats.arrival_rate,
        completion_rate: stats.completion_rate,
    };
    SignalObservation {
        name: name.into(),
        value: Some(Sampled::new(now.minus(at.elapsed()), queue.ready)),
        activity: None,
        queue: Some(queue),
        error: view.error.as_deref().map(Into::into),
        failures: u32::from(view.error.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_broker_that_fails_keeps_its_numbers_with_their_age_and_reason() {
        let stats = CeleryQueueStats { queue: "email".into(), ready: 7, leased: 2, ..CeleryQueueStats::default() };
        let now = Time::ZERO + Duration::from_secs(100);
        let at = Instant::now().checked_sub(Duration::from_secs(5));
        let view = View { at, error: Some("refused".into()), queues: vec![stats], ..View::default() };
        let seen = observation("mail", "email", &view, now);
        assert_eq!((seen.name.as_str(), seen.error.as_deref(), seen.failures), ("mail", Some("refused"), 1));
        assert_eq!(seen.queue.map(|q| (q.ready, q.leased)), Some((7.0, 2.0)));
        let age = seen.value.expect("a value").age(now);
        assert!((5..7).contains(&age.as_secs()), "{age:?}");
        let never = observation("mail", "email", &View::default(), now);
        assert_eq!((never.value, never.error.is_some()), (None, true));
    }
}
