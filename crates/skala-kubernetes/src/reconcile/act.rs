//! Writing a new size, after marking whom to remove.
//!
//! Invariants: every condition for acting is looked at once more right before the write.

use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::{Value, json};
use skala_manifests::object::DELETION_COST;

use super::{Reconciler, Sized, Subject};
use crate::api::{Path, Write};
use crate::decide::Seen;
use crate::objects::Spec;
use crate::objects::pod::MARK;

/// What a marked pod costs; unmarked pods cost 0, lower goes first.
const COST: &str = "-1000";
/// Pods marked, or unmarked, in one look.
const MOST_MARKS: usize = 50;

/// Why a size was not written.
pub(super) enum NotDone {
    /// It was not tried.
    Held(String),
    /// The server refused, or did not answer.
    Failed(String),
}

impl Reconciler {
    pub(super) async fn act(
        &self,
        subject: &Subject<'_>,
        spec: &Spec,
        target: &Sized,
        pods: &[Seen],
        desired: i32,
    ) -> Result<(), NotDone> {
        let held = |why: &str| Err(NotDone::Held(why.to_owned()));
        if self.settings.dry_run || spec.dry_run {
            return held("dry run");
        }
        if spec.paused {
            return held("paused");
        }
        let shrinks = target.scale.spec.replicas.saturating_sub(desired);
        if shrinks > 0 && self.settings.deletion_cost {
            self.mark(subject, pods, usize::try_from(shrinks).unwrap_or(0)).await;
        }
        // Reading metrics takes time, and so does marking: the world may have changed meanwhile.
        if let Some(why) = self.stale() {
            return Err(NotDone::Held(why));
        }
        let unchanged = |now: Arc<crate::objects::KeptAutoscaler>| {
            now.uid == subject.object.uid && now.generation == subject.object.generation && !now.leaving
        };
        if !self.autoscalers.get(subject.key).is_some_and(unchanged) {
            return held("the autoscaler has just changed");
        }
        if self.targets.rivals(subject.key, &spec.target).is_some() {
            return held("the target has just been claimed by another autoscaler");
        }
        if !self.leadership.leads() {
            return held("this process does not lead any more");
        }
        match self.scales.write(&target.at, &target.scale, desired).await {
            Ok(_) => {
                self.stats.rescaled();
                tracing::info!(autoscaler = %subject.key, from = target.scale.spec.replicas, to = desired, "scaled");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(autoscaler = %subject.key, %error, "the size could not be written");
                Err(NotDone::Failed(error.to_string()))
            }
        }
    }

    /// Marks the emptiest pods, so that they go first. Whoever has a cost of somebody else's making keeps it.
    async fn mark(&self, subject: &Subject<'_>, pods: &[Seen], count: usize) {
        let chosen = self.emptiest(subject, pods, count).await;
        let free = |name: &Arc<str>| pods.iter().any(|p| p.name == *name && p.pod.deletion_cost.is_none() && p.pod.is_serving());
        let marks: Vec<Arc<str>> = chosen.into_iter().filter(free).take(MOST_MARKS).collect();
        self.annotate(subject, marks, &json!({"metadata": {"annotations": {DELETION_COST: COST, MARK: "1"}}})).await;
    }

    /// Serving pods by CPU, the idlest first.
    async fn emptiest(&self, subject: &Subject<'_>, pods: &[Seen], count: usize) -> Vec<Arc<str>> {
        let Ok(samples) = self.samples.pods(&subject.key.namespace).await else { return Vec::new() };
        let cpu = |seen: &Seen| -> i64 {
            let usage = samples.by_name.get(&*seen.name).into_iter().flat_map(|s| s.containers.iter());
            usage.flat_map(|(_, u)| u.iter()).filter(|(n, _)| &**n == "cpu").map(|(_, v)| v.0).fold(0, i64::saturating_add)
        };
        let mut all: Vec<(i64, Arc<str>)> =
            pods.iter().filter(|p| p.pod.is_serving()).map(|p| (cpu(p), p.name.clone())).collect();
        all.sort();
        all.into_iter().take(count).map(|(_, name)| name).collect()
    }

    /// Takes marks back from pods that stayed.
    pub(super) async fn unmark(&self, subject: &Subject<'_>, pods: &[Seen]) {
        if !self.settings.deletion_cost || self.settings.dry_run {
            return;
        }
        let marked = pods.iter().filter(|p| p.pod.marked_by_us && !p.pod.pod.deleted);
        let marked: Vec<Arc<str>> = marked.take(MOST_MARKS).map(|p| p.name.clone()).collect();
        self.annotate(subject, marked, &json!({"metadata": {"annotations": {DELETION_COST: null, MARK: null}}})).await;
    }

    async fn annotate(&self, subject: &Subject<'_>, pods: Vec<Arc<str>>, patch: &Value) {
        let one = |name: Arc<str>| async move {
            if !self.leadership.leads() {
                return;
            }
            let path = Path::objects("v1", Some(&subject.key.namespace), "pods").segment(&name);
            if let Err(error) = self.api.write::<_, Ignored>(Write::MergePatch, &path, patch).await
                && !error.is_not_found()
            {
                tracing::debug!(pod = %name, %error, "the deletion cost could not be set");
            }
        };
        futures_util::stream::iter(pods).for_each_concurrent(8, one).await;
    }
}

/// An answer that nobody reads.
#[derive(serde::Deserialize)]
pub(super) struct Ignored {}
