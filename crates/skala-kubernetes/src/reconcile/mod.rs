//! One look at one autoscaler: read, decide, act, tell.
//!
//! Decides: nothing about the size; whether what was read is fresh and unambiguous enough to act on.
//! Inputs: the watches' copies with their age, `/scale`, the metrics APIs, triggers, the leadership.
//! Invariants: a size is written only by the leader, on fresh copies, on the very version of the scale that was decided on, and
//!   for the very generation of the autoscaler that is still there.
//! Tested: `tests/it`.

mod act;
mod gather;
mod publish;
mod runtime;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use skala_hpa::{Scale, Selector as HpaSelector};
use skala_types::Time;

use crate::api::Api;
use crate::cluster::samples::Samples;
use crate::cluster::secrets::Secrets;
use crate::cluster::{Discovery, Located, ScaleObject, Scales};
use crate::decide::{Says, Seen, Tells, Verdict, hpa, own};
use crate::election::Leadership;
use crate::events::Events;
use crate::objects::{KeptAutoscaler, KeptHpa, KeptPod, Mode, Selector, Spec};
use crate::queue::Ended;
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

    async fn decide_and_act(&self, key: &Key, object: &KeptAutoscaler, runtime: &mut Runtime) -> Ended {
        let now = (self.wall)();
        let subject = Subject { key, object, now };
        runtime.follow_clock(now);
        let spec = match &object.spec {
            Ok(spec) => spec,
            Err(error) => return self.refuse(&subject, runtime, "ScalingActive", "InvalidSpec", error).await,
        };
        if let Some(why) = self.stale() {
            self.refuse(&subject, runtime, "ScalingActive", "StaleData", &why).await;
            return Ended::Well;
        }
        if let Some(rivals) = self.targets.rivals(key, &spec.target) {
            let why =
                format!("{} {} is claimed by {}; nobody here scales it", spec.target.kind, spec.target.name, rivals.join(", "));
            return self.refuse(&subject, runtime, "ScalingActive", "AmbiguousTarget", &why).await;
        }
        let mut lasting = false;
        let target = match self.scales.locate(&self.discovery, &spec.target.api_version, &spec.target.kind).await {
            Err(error) => {
                lasting = true;
                Err(error)
            }
            Ok(at) => match self.scales.read(&at, &key.namespace, &spec.target.name).await {
                Ok(scale) => Ok(Sized { at, scale }),
                Err(error) => {
                    lasting = !error.is_transient();
                    Err(error.to_string())
                }
            },
        };
        match spec.mode {
            Mode::Hpa => self.by_hpa(&subject, spec, target, runtime).await,
            Mode::Default => self.by_own(&subject, spec, target, runtime).await,
        }
        if lasting { Ended::Lasting } else { Ended::Well }
    }

    /// Says why nothing is done.
    async fn refuse(&self, subject: &Subject<'_>, runtime: &mut Runtime, kind: &'static str, reason: &str, why: &str) -> Ended {
        let says = Says { kind, holds: false, reason: reason.to_owned(), message: why.to_owned() };
        let tells = Tells { warning: true, reason: reason.to_owned(), message: why.to_owned() };
        let verdict =
            Verdict { why: format!("nothing is done: {why}"), conditions: vec![says], events: vec![tells], ..Verdict::default() };
        self.publish(subject, runtime, &verdict, None).await;
        Ended::Lasting
    }

    async fn by_hpa(&self, subject: &Subject<'_>, spec: &Spec, target: Result<Sized, String>, runtime: &mut Runtime) {
        let (pods, selector) = self.selected(subject.key, target.as_ref().ok());
        let query = target.as_ref().map_or("", |t| t.scale.status.selector.as_str());
        let (readings, _) = self.readings(subject, spec, &pods, query).await;
        let scale =
            target.as_ref().map(|t| Scale { spec_replicas: t.scale.spec.replicas, status_replicas: t.scale.status.replicas });
        let current = scale.as_ref().ok().map(|s| s.spec_replicas);
        runtime.restore_history(current, subject.now);
        let outcome = hpa::decide(&hpa::Case {
            now: subject.now,
            namespace: &subject.key.namespace,
            spec,
            scale: scale.map_err(|e| e.as_str()),
            selector,
            pods: &pods,
            readings: &readings,
            history: runtime.history.as_ref(),
            scaled_to_zero: runtime.scaled_to_zero(),
        });
        let mut verdict = hpa::verdict(&outcome, spec);
        let Some((_, desired)) = verdict.rescale() else {
            runtime.history = outcome.history;
            return self.publish(subject, runtime, &verdict, target.ok().map(|t| (t, pods)).as_ref()).await;
        };
        let Ok(target) = target else { return };
        match self.act(subject, spec, &target, &pods, &verdict, desired).await {
            Ok(()) => {
                runtime.scaled(subject.now, verdict.current, desired);
                runtime.history = outcome.history;
            }
            Err(act::NotDone::Held(why)) => {
                runtime.history = outcome.update_failed("held").history;
                verdict.hold(&why);
            }
            Err(act::NotDone::Failed(error)) => {
                let outcome = outcome.update_failed(&error);
                verdict = hpa::verdict(&outcome, spec);
                runtime.history = outcome.history;
            }
        }
        self.publish(subject, runtime, &verdict, Some(&(target, pods))).await;
    }

    async fn by_own(&self, subject: &Subject<'_>, spec: &Spec, target: Result<Sized, String>, runtime: &mut Runtime) {
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                self.refuse(subject, runtime, "AbleToScale", "FailedGetScale", &error).await;
                return;
            }
        };
        let (pods, selector) = self.selected(subject.key, Some(&target));
        if let HpaSelector::Empty | HpaSelector::Unparsable(_) = selector {
            self.refuse(subject, runtime, "ScalingActive", "InvalidSelector", "the target's scale has no usable selector").await;
            return;
        }
        let policy = match own::policy(spec, &pods) {
            Ok(policy) => policy,
            Err(error) => {
                self.refuse(subject, runtime, "ScalingActive", "InvalidSpec", &error).await;
                return;
            }
        };
        let (readings, times) = self.readings(subject, spec, &pods, &target.scale.status.selector).await;
        self.notice_signals(spec, &readings, &times, subject.now, runtime);
        self.read_triggers(subject, spec, runtime).await;
        let resources = spec.hpa.metrics.iter().zip(&readings).filter(|(m, _)| own::signal_name(m).is_none());
        let resources = resources.map(|(m, r)| (m.name(), r.clone())).collect();
        let current = target.scale.spec.replicas;
        let mut observation = own::observation(current, &pods, &resources, &runtime.signals, spec.paused, subject.now);
        observation.rollout = runtime.rollout(&pods, current);
        let before = runtime.state(subject.now).clone();
        let mut state = before.clone();
        runtime.learn_startups(&mut state, &pods, subject.now);
        let plan = skala_autoscaler::plan_into(&policy, &mut state, &observation, subject.now);
        let mut verdict = own::verdict(&plan, &pods, current);
        if let Some((_, desired)) = verdict.rescale() {
            match self.act(subject, spec, &target, &pods, &verdict, desired).await {
                Ok(()) => {
                    runtime.scaled(subject.now, verdict.current, desired);
                    let message = format!("New size: {desired}; reason: {}", verdict.why);
                    verdict.events.push(Tells { warning: false, reason: "SuccessfulRescale".into(), message });
                    runtime.set_state(state);
                }
                Err(act::NotDone::Held(why)) => {
                    runtime.set_state(undone(state, &before));
                    verdict.hold(&why);
                }
                Err(act::NotDone::Failed(error)) => {
                    runtime.set_state(undone(state, &before));
                    let message = format!("New size: {desired}; reason: {}; error: {error}", verdict.why);
                    verdict.events.push(Tells { warning: true, reason: "FailedRescale".into(), message: message.clone() });
                    verdict.say("AbleToScale", false, "FailedUpdateScale", message);
                    verdict.desired = verdict.current;
                }
            }
        } else {
            runtime.set_state(state);
        }
        self.publish(subject, runtime, &verdict, Some(&(target, pods))).await;
    }

    /// The pods of a target, in the order of their names, and whether its selector can be used.
    fn selected(&self, key: &Key, target: Option<&Sized>) -> (Vec<Seen>, HpaSelector) {
        let Some(target) = target else { return (Vec::new(), HpaSelector::Usable) };
        let text = &target.scale.status.selector;
        if text.is_empty() {
            return (Vec::new(), HpaSelector::Empty);
        }
        match Selector::parse(text) {
            Err(error) => (Vec::new(), HpaSelector::Unparsable(error)),
            Ok(selector) => {
                let pods = self.pods.of(&key.namespace, |pod| pod.selected(&selector));
                (pods.into_iter().map(|(name, pod)| Seen { name, pod }).collect(), HpaSelector::Usable)
            }
        }
    }
}

/// The state after a plan that was not carried out: what was read counts, what was to change does not.
fn undone(planned: skala_autoscaler::State, before: &skala_autoscaler::State) -> skala_autoscaler::State {
    skala_autoscaler::State {
        scale_ups: before.scale_ups.clone(),
        scale_downs: before.scale_downs.clone(),
        last_scale: before.last_scale,
        turns: before.turns.clone(),
        ..planned
    }
}
