//! A look in the default mode.

use skala_hpa::Selector as HpaSelector;

use super::{Reconciler, Runtime, Sized, Subject, act};
use crate::decide::{Tells, own};
use crate::objects::Spec;

impl Reconciler {
    pub(super) async fn by_own(&self, subject: &Subject<'_>, spec: &Spec, target: Result<Sized, String>, runtime: &mut Runtime) {
        let target = match target {
            Ok(target) => target,
            Err(error) => {
                self.refuse(subject, runtime, "AbleToScale", "FailedGetScale", &error).await;
                return;
            }
        };
        let of = self.selected(subject.key, Some(&target));
        let (reason, why) = match &of.state {
            HpaSelector::Usable => ("", String::new()),
            HpaSelector::Empty => ("InvalidSelector", "the target's scale has no selector".to_owned()),
            HpaSelector::Unparsable(error) => ("InvalidSelector", error.clone()),
            HpaSelector::Ambiguous { selector, autoscalers } => (
                "AmbiguousSelector",
                format!("pods by selector {selector} are controlled by multiple autoscalers: {autoscalers}"),
            ),
        };
        if !reason.is_empty() {
            self.refuse(subject, runtime, "ScalingActive", reason, &why).await;
            return;
        }
        let policy = match own::policy(spec, &of.pods) {
            Ok(policy) => policy,
            Err(error) => {
                self.refuse(subject, runtime, "ScalingActive", "InvalidSpec", &error).await;
                return;
            }
        };
        let (readings, times) = self.readings(subject, spec, &of).await;
        self.notice_signals(spec, &readings, &times, subject.now, runtime);
        self.read_triggers(subject, spec, runtime).await;
        let resources = spec.hpa.metrics.iter().zip(&readings).filter(|(m, _)| own::signal_name(m).is_none());
        let resources = resources.map(|(m, r)| (m.name(), r.clone())).collect();
        let current = target.scale.spec.replicas;
        let pods = of.pods;
        let scene = own::Scene {
            current,
            pods: &pods,
            resources: &resources,
            signals: &runtime.signals,
            paused: spec.paused,
            now: subject.now,
        };
        let mut observation = own::observation(&scene);
        observation.rollout = runtime.rollout(&pods, current);
        observation.ceilings.extend(own::by_downstream(spec));
        let before = runtime.state(subject.now).clone();
        let mut state = before.clone();
        runtime.learn_startups(&mut state, &pods, subject.now);
        if let Some(budget) = &spec.budget {
            // What the metrics want is what a plan without the budget asks for.
            let wanted = skala_autoscaler::plan_into(&policy, &mut state.clone(), &observation, subject.now).desired;
            let spent = runtime.budget();
            observation.ceilings.extend(own::by_budget(budget, spent, wanted, current, spec.hpa.min(), subject.now));
        }
        let plan = skala_autoscaler::plan_into(&policy, &mut state, &observation, subject.now);
        let mut verdict = own::verdict(&plan, current);
        if let Some((_, desired)) = verdict.rescale() {
            match self.act(subject, spec, &target, &pods, desired).await {
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
