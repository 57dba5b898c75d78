//! A look in mode `hpa`.

use skala_hpa::Scale;

use super::look::Selected;
use super::{Reconciler, Runtime, Sized, Subject, act};
use crate::decide::hpa;
use crate::objects::Spec;

impl Reconciler {
    pub(super) async fn by_hpa(&self, subject: &Subject<'_>, spec: &Spec, target: Result<Sized, String>, runtime: &mut Runtime) {
        let of = self.selected(subject.key, target.as_ref().ok());
        let (readings, _) = self.readings(subject, spec, &of).await;
        let Selected { pods, state: selector, .. } = of;
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
        match self.act(subject, spec, &target, &pods, desired).await {
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
}
