//! The control loop: each second observe, plan, act; in between, look whether a service should grow at once, empty draining
//! replicas, and follow the platform's events.
//!
//! Decides: nothing; sizes and victims are `skala_autoscaler::plan`'s, admission is the station's.
//! Invariants: a replica is stopped only after its endpoint drains and is empty, or its drain time has passed; every decision
//!   is in the journal with its inputs before the next one is taken.
//! Tested: `tests/control.rs` with a simulated platform.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skala_autoscaler::ceilings::{Ceilings, Limits, SignalSource, Spending, ceilings, spend};
use skala_autoscaler::{Action, Ceiling, Directive, Mode, Observation, Plan, SignalObservation, plan};
use skala_balance::Outlook;
use skala_runtime::Clock;
use skala_types::{ReplicaId, Replicas, ServiceName, Time};
use tokio::sync::{Notify, mpsc};
use tokio::time::MissedTickBehavior;

use crate::follow::{describe, follow};
use crate::journal::{Decision, Event, Journal, Saved};
use crate::managed::{Decided, Draining, Managed, ServiceConfig, to_json};
use crate::observe::{observe, prospect, windows};
use crate::platform::{EventKind, Platform, PlatformEvent, ReplicaStatus};
use crate::sizing::{SizingView, words};
use crate::work::{Held, Work};

/// How often draining replicas are looked at.
const DRAIN_POLL: Duration = Duration::from_millis(25);
/// Shortest time between two decisions that arrivals bring about.
const MIN_BETWEEN: Duration = Duration::from_millis(100);

/// Looks per tick, and sampling windows of the stations: a surge is seen through a window of one tick that slides by a quarter.
pub const LOOKS: u32 = 4;

/// Settings of the loop.
#[derive(Clone, Copy, Debug)]
pub struct ControlConfig {
    /// Time from one decision to the next. Default one second.
    pub interval: Duration,
}

impl Default for ControlConfig {
    fn default() -> ControlConfig {
        ControlConfig { interval: Duration::from_secs(1) }
    }
}

/// A service's size and how it came about.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// The size wanted by the last decision.
    pub desired: Replicas,
    /// Bounds of its policy.
    pub bounds: (Replicas, Replicas),
    /// The standing order, if any.
    pub directive: Option<Directive>,
    /// The last decision, and when.
    pub last: Option<(Time, Decided)>,
    /// Replicas x seconds since skala started.
    pub replica_seconds: f64,
    /// Decisions that changed the size.
    pub changes: u64,
    /// Learned time from start to ready.
    pub start_up: Duration,
    /// Replicas that are being emptied.
    pub draining: Vec<ReplicaId>,
    /// Who decides.
    pub mode: Mode,
    /// What kept the last plan below its wish.
    pub ceilings: Vec<Ceiling>,
    /// Numbers from outside, as the last plan saw them.
    pub signals: Vec<SignalObservation>,
    /// What its replicas should ask for; none where nothing is recorded.
    pub sizing: Option<SizingView>,
}

/// What reaches the loop from beyond its services. The default is nothing.
#[derive(Default)]
pub struct Outside {
    /// Where numbers from outside come from.
    pub signals: Option<Arc<dyn SignalSource>>,
    /// Budgets, databases and providers.
    pub limits: Limits,
    /// What an earlier run kept in the journal, by key.
    pub kept: BTreeMap<String, String>,
    /// Who gives tasks to replicas.
    pub work: Option<Arc<dyn Work>>,
}

/// The key that what was spent is kept under.
const SPENDING: &str = "spending";
/// What the keys of recorded usage begin with.
const USAGE: &str = "usage/";
/// What the keys of forecasts begin with.
const FORECAST: &str = "forecast/";

/// What bounds the services together, and the last answer.
struct Shared {
    limits: Limits,
    spending: Spending,
    last: Ceilings,
}

/// The control loop and its handle; share it as `Arc`.
pub struct Controller {
    config: ControlConfig,
    clock: Clock,
    journal: Arc<Journal>,
    platform: Arc<dyn Platform>,
    services: Mutex<BTreeMap<ServiceName, Managed>>,
    signals: Option<Arc<dyn SignalSource>>,
    work: Option<Arc<dyn Work>>,
    /// Locked after `services`.
    shared: Mutex<Shared>,
    wake: Notify,
    drains: Notify,
    closing: AtomicBool,
    decisions: AtomicU64,
}

impl Controller {
    /// Takes over what an earlier run saved. Nothing happens before [`Controller::run`].
    pub fn new(
        config: ControlConfig,
        clock: Clock,
        journal: Arc<Journal>,
        platform: Arc<dyn Platform>,
        services: Vec<ServiceConfig>,
        saved: Vec<Saved>,
        outside: Outside,
    ) -> Arc<Controller> {
        let Outside { signals, limits, kept, work } = outside;
        let spending = kept.get(SPENDING).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        let now = clock.now();
        let mut saved: BTreeMap<ServiceName, Saved> = saved.into_iter().map(|s| (s.service.clone(), s)).collect();
        let manage = |config: ServiceConfig| {
            let policy_id = journal.policy(config.name.clone(), now, to_json(&config.policy));
            let saved = saved.remove(&config.name);
            let learned = kept.get(&format!("{USAGE}{}", config.name)).map(String::as_str);
            let mut managed = Managed::new(config, saved, learned, policy_id, now);
            if let Some(json) = kept.get(&format!("{FORECAST}{}", managed.config.name)) {
                restore_forecast(&mut managed, json);
            }
            (managed.config.name.clone(), managed)
        };
        let services = services.into_iter().map(manage).collect();
        Arc::new(Controller {
            config,
            clock,
            journal,
            platform,
            services: Mutex::new(services),
            signals,
            work,
            shared: Mutex::new(Shared { limits, spending, last: Ceilings::default() }),
            wake: Notify::new(),
            drains: Notify::new(),
            closing: AtomicBool::new(false),
            decisions: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceName, Managed>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the loop until the platform's event channel closes.
    pub async fn run(self: Arc<Self>, mut events: mpsc::Receiver<PlatformEvent>) {
        self.restore();
        let _forwarders: Vec<_> = self.lock().values().map(|m| AbortOnDrop(self.forward_pressure(m))).collect();
        let _drainer = AbortOnDrop(tokio::spawn(Arc::clone(&self).drain_loop()));
        let mut looks = tokio::time::interval(self.config.interval / LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut look = 0;
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    self.close_windows();
                    if look % LOOKS == 0 { self.tick() } else { self.look() }
                    look += 1;
                }
                () = self.wake.notified() => {
                    self.look();
                    tokio::time::sleep(MIN_BETWEEN).await;
                }
                event = events.recv() => match event {
                    Some(event) => self.on_event(event),
                    None => return,
                },
            }
        }
    }

    /// A request that found no replica is a reason to decide before the next tick.
    fn forward_pressure(self: &Arc<Self>, managed: &Managed) -> tokio::task::JoinHandle<()> {
        let station = Arc::clone(&managed.config.station);
        let controller = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                station.pressure().await;
                controller.wake.notify_one();
            }
        })
    }

    /// Starts as many replicas as an earlier run had when it was cut off.
    fn restore(&self) {
        let now = self.clock.now();
        for managed in self.lock().values_mut() {
            let count = std::mem::take(&mut managed.restore);
            if count == 0 {
                continue;
            }
            let text = format!("skala was cut off with {count} replicas; starting as many");
            self.note(now, &managed.config.name, None, "restored", text);
            for _ in 0..count {
                let id = managed.next_replica();
                self.start_replica(managed, id, now);
            }
        }
    }

    /// Ends the stations' sampling windows.
    fn close_windows(&self) {
        let now = self.clock.now();
        let replicas = self.platform.replicas();
        for managed in self.lock().values_mut() {
            managed.config.station.close_window();
            let staying = |r: &&ReplicaStatus| r.service == managed.config.name && !managed.draining.contains_key(&r.id);
            let count = replicas.iter().filter(staying).count();
            managed.count_replicas(count, now);
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Observes, plans and acts for every service, and records it.
    pub fn tick(&self) {
        self.foresee();
        self.pass(|_| true);
        self.measure(false);
    }

    /// Lets the forecasts see what came since the last tick.
    fn foresee(&self) {
        for managed in self.lock().values_mut() {
            if let Some(floor) = &mut managed.floor {
                floor.feed(&windows(&managed.config.station));
            }
        }
    }

    /// Records what replicas use, sets the sizes that are worth it, and keeps what must survive a crash.
    fn measure(&self, last: bool) {
        let now = self.clock.now();
        let replicas = self.platform.replicas();
        for managed in self.lock().values_mut() {
            let name = managed.config.name.clone();
            if let Some(saved) = managed.floor.as_mut().and_then(|f| f.take_save(now, last)) {
                self.journal.keep(format!("{FORECAST}{name}"), to_json(&saved));
            }
            let Some(sizing) = &mut managed.sizing else { continue };
            let own = replicas.iter().filter(|r| r.service == name);
            sizing.observe(own.clone(), now);
            for change in sizing.changes(own, now).into_iter().filter(|_| !last) {
                let failure = self.platform.resize(&name, change.replica, &change.size).err().map(|e| e.to_string());
                let (kind, text) = match &failure {
                    None => ("resized", format!("{} in place: {}", words(&change.size), change.why)),
                    Some(why) => ("notResized", format!("{why}; it keeps its size")),
                };
                if sizing.done(&change, failure) {
                    self.note(now, &name, Some(change.replica), kind, text);
                }
            }
            if let Some(json) = sizing.take_save(now, last) {
                self.journal.keep(format!("{USAGE}{name}"), json);
            }
        }
        let shared = self.shared();
        if !shared.limits.budgets.is_empty() {
            self.journal.keep(SPENDING.into(), to_json(&shared.spending));
        }
    }

    /// Looks whether some service should grow before the next tick. Only then is there a decision; shrinking can wait.
    fn look(&self) {
        self.pass(|planned| planned.actions.iter().any(|a| matches!(a, Action::Start { .. })));
    }

    /// Plans for every service; acts on and records the plans that `take` accepts. The others leave no trace.
    fn pass(&self, take: impl Fn(&Plan) -> bool) {
        let mut services = self.lock();
        // Read under the lock: an orderly end saves its last word under it, too.
        if self.closing.load(Ordering::Acquire) {
            return;
        }
        let now = self.clock.now();
        let replicas = self.platform.replicas();
        let mut decisions = Vec::new();
        let mut checkpoints = Vec::new();
        let mut drafts = Vec::new();
        for managed in services.values_mut() {
            follow(managed, &replicas);
            let own = replicas.iter().filter(|r| r.service == managed.config.name);
            let is_draining = |id| managed.draining.contains_key(&id);
            let signals = match &self.signals {
                Some(source) => source.observe_within(managed.config.name.as_str(), managed.start_up()),
                None => Vec::new(),
            };
            let held_by = |id| self.held_by(&managed.config.name, id);
            let directive = managed.active_directive(now);
            let observation = observe(own, is_draining, &managed.config.station, directive, signals, held_by);
            let observation = Observation { forecast: managed.forecast(now), ..observation };
            let planned = plan(&managed.config.policy, &managed.state, &observation, now);
            drafts.push((observation, planned));
        }
        self.bound(&services, &mut drafts, now);
        for (managed, (observation, planned)) in services.values_mut().zip(drafts) {
            managed.signals.clone_from(&observation.signals);
            if take(&planned) {
                decisions.push(self.execute(managed, &observation, planned, now));
                checkpoints.push(managed.checkpoint(false));
            }
        }
        let replicas = self.platform.replicas();
        for managed in services.values() {
            self.tell_outlook(managed, &replicas, now);
        }
        drop(services);
        if !decisions.is_empty() {
            self.journal.tick(decisions, checkpoints);
        }
    }

    /// Plans those services again whose wishes are more than budgets, databases and providers allow.
    fn bound(&self, services: &BTreeMap<ServiceName, Managed>, drafts: &mut [(Observation, Plan)], now: Time) {
        let mut shared = self.shared();
        if shared.limits.is_empty() {
            return;
        }
        let seen = self.signals.as_ref().map(|s| s.downstreams()).unwrap_or_default();
        let wants: Vec<_> =
            services.values().zip(&*drafts).map(|(m, (observation, planned))| m.want(observation, planned)).collect();
        let mut found = ceilings(&shared.limits, &shared.spending, &seen, &wants, now);
        let Shared { limits, spending, last } = &mut *shared;
        spend(limits, spending, &wants, &found, now);
        for (managed, (observation, planned)) in services.values().zip(drafts) {
            if let Some(of) = found.of.remove(&managed.config.name) {
                found.of.insert(managed.config.name.clone(), of.clone());
                observation.ceilings = of;
                *planned = plan(&managed.config.policy, &managed.state, observation, now);
            }
        }
        *last = found;
    }

    fn execute(&self, managed: &mut Managed, observation: &Observation, planned: Plan, now: Time) -> Decision {
        let count = self.decisions.fetch_add(1, Ordering::Relaxed);
        let decided = Decided::of(&planned);
        let record = Decision {
            at: now,
            service: managed.config.name.clone(),
            policy: managed.policy_id,
            acted: !decided.actions.is_empty(),
            state: managed.state_to_record(count),
            observation: to_json(observation),
            plan: to_json(&decided),
        };
        managed.state = planned.state;
        if !decided.actions.is_empty() {
            managed.changes += 1;
            self.note(now, &managed.config.name, None, "scaled", decided.report.headline());
        }
        managed.last = Some((now, decided));
        for action in planned.actions {
            self.act(managed, action, now);
        }
        record
    }

    fn act(&self, managed: &mut Managed, action: Action, now: Time) {
        match action {
            Action::Start { replica } => self.start_replica(managed, replica, now),
            Action::Drain { replica } => {
                if let Some((endpoint, _)) = managed.endpoints.get(&replica) {
                    managed.config.station.drain(*endpoint);
                }
                if let Some(work) = &self.work {
                    work.drain(&managed.config.name, replica);
                }
                managed.draining.insert(replica, Draining { deadline: now + managed.config.drain, stopping: false });
                self.note(now, &managed.config.name, Some(replica), "draining", "gets no new work".into());
                self.drains.notify_one();
            }
        }
    }

    fn held_by(&self, service: &ServiceName, replica: ReplicaId) -> Held {
        self.work.as_ref().map(|work| work.held_by(service, replica)).unwrap_or_default()
    }

    /// Tells whoever gives out tasks that a replica's process is no more.
    fn tell_work(&self, event: &PlatformEvent) {
        let (Some(work), Some(replica)) = (&self.work, event.replica) else { return };
        match &event.kind {
            EventKind::Exited { status, last_lines } => work.gone(&event.service, replica, status, last_lines),
            EventKind::Stopped { forced } => {
                let why = if *forced { "was killed at the end of its drain time" } else { "was stopped" };
                work.gone(&event.service, replica, why, &[]);
            }
            _ => {}
        }
    }

    /// Lets the loop look at once whether a service should grow: something arrived that cannot wait for the next tick.
    pub fn hurry(&self) {
        self.wake.notify_one();
    }

    fn start_replica(&self, managed: &Managed, replica: ReplicaId, now: Time) {
        if let Err(error) = self.platform.start(&managed.config.name, replica) {
            self.note(now, &managed.config.name, Some(replica), "startFailed", error.to_string());
        }
    }

    fn tell_outlook(&self, managed: &Managed, replicas: &[ReplicaStatus], now: Time) {
        let staying = replicas.iter().filter(|r| r.service == managed.config.name && !managed.draining.contains_key(&r.id));
        managed.config.station.set_outlook(Outlook::of(staying.map(prospect), managed.start_up(), managed.may_start(now), now));
    }

    async fn drain_loop(self: Arc<Self>) {
        loop {
            if self.stop_emptied() {
                tokio::time::sleep(DRAIN_POLL).await;
            } else {
                self.drains.notified().await;
            }
        }
    }

    /// Stops draining replicas that are empty or whose time is up; `true` while some still drain.
    fn stop_emptied(&self) -> bool {
        let now = self.clock.now();
        let mut waiting = false;
        for managed in self.lock().values_mut() {
            if managed.draining.values().all(|d| d.stopping) {
                continue;
            }
            let endpoints = managed.config.station.endpoints();
            let load = |id| endpoints.iter().find(|e| e.endpoint.replica == id).map_or(0, |e| e.view.in_flight);
            for (&id, draining) in managed.draining.iter_mut().filter(|(_, d)| !d.stopping) {
                let left = load(id).saturating_add(self.held_by(&managed.config.name, id).tasks);
                if left > 0 && now < draining.deadline {
                    waiting = true;
                    continue;
                }
                draining.stopping = true;
                let text = match left {
                    0 => "is empty and is stopped".into(),
                    n => format!("still had {n} requests or tasks when its drain time of {:?} passed", managed.config.drain),
                };
                self.note(now, &managed.config.name, Some(id), "drained", text);
                self.platform.stop(&managed.config.name, id, managed.config.drain);
            }
        }
        waiting
    }

    fn on_event(&self, event: PlatformEvent) {
        self.tell_work(&event);
        let mut services = self.lock();
        if let Some(managed) = services.get_mut(&event.service) {
            if let (EventKind::Ready { after, .. }, Some(id)) = (&event.kind, event.replica)
                && !managed.endpoints.contains_key(&id)
            {
                managed.learned_start_up(*after);
            }
            if let (EventKind::OutOfMemory { .. }, Some(id), Some(sizing)) = (&event.kind, event.replica, &mut managed.sizing) {
                let replicas = self.platform.replicas();
                let own = replicas.iter().find(|r| r.service == event.service && r.id == id);
                sizing.out_of_memory(id, own.map(|r| r.started_at), event.at);
            }
            let replicas = self.platform.replicas();
            follow(managed, &replicas);
            self.tell_outlook(managed, &replicas, event.at);
        }
        drop(services);
        let (kind, text) = describe(&event.kind);
        self.note(event.at, &event.service, event.replica, kind, text);
    }

    fn note(&self, at: Time, service: &ServiceName, replica: Option<ReplicaId>, kind: &str, text: String) {
        match replica {
            Some(id) => tracing::info!(target: "skala::events", "{service}-{id} {kind}: {text}"),
            None => tracing::info!(target: "skala::events", "{service} {kind}: {text}"),
        }
        self.journal.event(Event { at, service: Some(service.clone()), replica, kind: kind.into(), text });
    }

    /// Gives a service a standing order, or with `None` ends it. `false` when there is no such service.
    pub fn direct(&self, service: &str, directive: Option<Directive>) -> bool {
        let now = self.clock.now();
        let mut services = self.lock();
        let Some(managed) = services.get_mut(service) else { return false };
        managed.directive = directive;
        let until = |until: Option<Time>| until.map_or("until resumed".into(), |t| format!("until {t}"));
        let (kind, text) = match directive {
            None => ("resumed", "scaling by its metrics again".into()),
            Some(Directive::Pause { until: t }) => ("paused", format!("size is kept, {}", until(t))),
            Some(Directive::Hold { replicas, until: t }) => ("held", format!("{replicas} replicas by hand, {}", until(t))),
        };
        self.note(now, &managed.config.name, None, kind, text);
        self.journal.tick(Vec::new(), vec![managed.checkpoint(false)]);
        drop(services);
        self.tick();
        true
    }

    /// Every service's size and last decision.
    pub fn services(&self) -> Vec<ServiceView> {
        let now = self.clock.now();
        let services = self.lock();
        let last = self.shared().last.clone();
        let view = |m: &Managed| ServiceView {
            name: m.config.name.clone(),
            desired: m.last.as_ref().map_or(Replicas(0), |(_, d)| d.desired),
            bounds: (m.config.policy.spec().min_replicas, m.config.policy.spec().max_replicas),
            directive: m.active_directive(now),
            last: m.last.clone(),
            replica_seconds: m.replica_seconds,
            changes: m.changes,
            start_up: m.start_up(),
            draining: m.draining.keys().copied().collect(),
            mode: m.config.policy.spec().mode.clone(),
            ceilings: last.of.get(&m.config.name).cloned().unwrap_or_default(),
            signals: m.signals.clone(),
            sizing: m.sizing.as_ref().map(|s| s.view(now)),
        };
        services.values().map(view).collect()
    }

    /// What bounds services together, as the last plans met it.
    pub fn ceilings(&self) -> Ceilings {
        self.shared().last.clone()
    }

    /// Decisions taken since the start.
    pub fn decisions(&self) -> u64 {
        self.decisions.load(Ordering::Relaxed)
    }

    /// Ends every replica, each with its service's drain time, and saves that this was orderly. Decides nothing any more.
    /// `false` when some replica was still there at the end of the time allowed.
    pub async fn shut_down(&self) -> bool {
        self.closing.store(true, Ordering::Release);
        self.measure(true);
        let longest = {
            let services = self.lock();
            self.journal.tick(Vec::new(), services.values().map(|m| m.checkpoint(true)).collect());
            for replica in self.platform.replicas() {
                let grace = services.get(&replica.service).map_or(Duration::ZERO, |m| m.config.drain);
                self.platform.stop(&replica.service, replica.id, grace);
            }
            services.values().map(|m| m.config.drain).max().unwrap_or_default()
        };
        let deadline = tokio::time::Instant::now() + longest + Duration::from_secs(10);
        while !self.platform.replicas().is_empty() {
            if tokio::time::Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
        true
    }
}

/// Goes on with a stored forecast; one that cannot be used begins anew.
fn restore_forecast(managed: &mut Managed, json: &str) {
    let Some(floor) = &mut managed.floor else { return };
    let restored = serde_json::from_str(json).map_err(|e| e.to_string());
    let restored = restored.and_then(|saved| floor.restore(&saved).map_err(|e| e.to_string()));
    if let Err(reason) = restored {
        tracing::warn!("{}: the stored forecast cannot be used: {reason}", managed.config.name);
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
