//! The order of one look: what may not be decided on comes first.
//!
//! Decides: whether the spec, the copies and the target allow a decision at all; which pods are the target's.

use skala_hpa::Selector as HpaSelector;
use skala_manifests::Selector;

use super::{Reconciler, Runtime, Sized, Subject};
use crate::decide::{Says, Seen, Tells, Verdict};
use crate::objects::{KeptAutoscaler, Mode};
use crate::queue::Ended;
use crate::watch::{Kept, Key};

/// The target's pods.
pub(super) struct Selected {
    /// In the order of their names.
    pub(super) pods: Vec<Seen>,
    pub(super) selector: Selector,
    /// Whether the selector can be used.
    pub(super) state: HpaSelector,
}

impl Reconciler {
    pub(super) async fn decide_and_act(&self, key: &Key, object: &KeptAutoscaler, runtime: &mut Runtime) -> Ended {
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
    pub(super) async fn refuse(
        &self,
        subject: &Subject<'_>,
        runtime: &mut Runtime,
        kind: &'static str,
        reason: &str,
        why: &str,
    ) -> Ended {
        let says = Says { kind, holds: false, reason: reason.to_owned(), message: why.to_owned() };
        let tells = Tells { warning: true, reason: reason.to_owned(), message: why.to_owned() };
        let verdict =
            Verdict { why: format!("nothing is done: {why}"), conditions: vec![says], events: vec![tells], ..Verdict::default() };
        self.publish(subject, runtime, &verdict, None).await;
        Ended::Lasting
    }

    /// The pods of a target.
    pub(super) fn selected(&self, key: &Key, target: Option<&Sized>) -> Selected {
        let nothing = |state| Selected { pods: Vec::new(), selector: Selector::default(), state };
        let Some(target) = target else { return nothing(HpaSelector::Usable) };
        let text = &target.scale.status.selector;
        let selector: Selector = match text.parse() {
            Err(error) => return nothing(HpaSelector::Unparsable(format!("{error}"))),
            Ok(selector) => selector,
        };
        if selector.is_empty() {
            return nothing(HpaSelector::Empty);
        }
        let found = self.pods.selected(&key.namespace, &selector, |pod| pod.selected(&selector));
        let pods: Vec<Seen> = found.into_iter().map(|(name, pod)| Seen { name, pod }).collect();
        let state = match self.selectors.rivals(key, text, &selector, pods.iter().map(|p| p.pod.labels())) {
            None => HpaSelector::Usable,
            Some(names) => {
                let autoscalers = names.iter().map(|n| format!("{}/{n}", key.namespace)).collect::<Vec<_>>().join(" ");
                HpaSelector::Ambiguous { selector: text.clone(), autoscalers: format!("[{autoscalers}]") }
            }
        };
        Selected { pods, selector, state }
    }
}
