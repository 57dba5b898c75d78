//! Writing the status and telling events.
//!
//! Invariants: a status that says the same is not written again; one that differs in its history alone, at most once a minute.

use std::time::{Duration, Instant};

use serde_json::json;

use super::act::Ignored;
use super::{Reconciler, Runtime, Sized, Subject};
use crate::api::{Path, Write, bounded};
use crate::decide::{Says, Seen, Verdict};
use crate::objects::autoscaler::{GROUP_VERSION, PLURAL};
use crate::objects::status::SavedHistory;

/// Between two writes for the history's sake.
const HISTORY_PERIOD: Duration = Duration::from_secs(60);

impl Verdict {
    /// Nothing was done, for this reason.
    pub(super) fn hold(&mut self, why: &str) {
        let wanted = self.desired.unwrap_or_default();
        self.why = bounded(&format!("{why}: would have been {wanted}; {}", self.why));
        self.events.retain(|e| e.reason != "SuccessfulRescale");
        let reason = if why == "dry run" {
            "DryRun"
        } else if why == "paused" {
            "Paused"
        } else {
            "Held"
        };
        let message = format!("{why}; the size would be {wanted}");
        self.say("AbleToScale", true, reason, message);
        if why == "paused" {
            self.desired = self.current;
        }
    }

    pub(super) fn say(&mut self, kind: &'static str, holds: bool, reason: &str, message: String) {
        self.conditions.retain(|c| c.kind != kind);
        self.conditions.push(Says { kind, holds, reason: reason.to_owned(), message });
    }
}

impl Reconciler {
    pub(super) async fn publish(
        &self,
        subject: &Subject<'_>,
        runtime: &mut Runtime,
        verdict: &Verdict,
        target: Option<&(Sized, Vec<Seen>)>,
    ) {
        let mut status = runtime.status.clone();
        status.observed_generation = subject.object.generation;
        status.current_replicas = verdict.current.or(status.current_replicas);
        status.desired_replicas = verdict.desired.or(status.desired_replicas);
        status.why = bounded(&verdict.why);
        status.current_metrics = verdict.metrics.clone();
        for says in &verdict.conditions {
            status.set(says.kind, if says.holds { "True" } else { "False" }, &says.reason, says.message.clone(), subject.now);
        }
        if verdict.removes_scaled_to_zero {
            status.remove("ScaledToZero");
        }
        status.history = runtime.status.history.clone();
        let said = status != runtime.status;
        let history = runtime.save(subject.now);
        let moved = differs(history.as_ref(), runtime.status.history.as_ref());
        let due = runtime.written.is_none_or(|at| at.elapsed() >= HISTORY_PERIOD);
        self.stats.decided(subject.key, &status, &verdict.proposals);
        if said || (moved && due) {
            status.history = history;
            let path =
                Path::objects(GROUP_VERSION, Some(&subject.key.namespace), PLURAL).segment(&subject.key.name).segment("status");
            if self.leadership.leads() {
                match self.api.write::<_, Ignored>(Write::MergePatch, &path, &json!({"status": status})).await {
                    Ok(_) => (runtime.status, runtime.written) = (status, Some(Instant::now())),
                    Err(error) => {
                        // What was decided stays decided; the next look writes it.
                        self.stats.failed("status");
                        tracing::warn!(autoscaler = %subject.key, %error, "the status could not be written");
                    }
                }
            }
        }
        for event in &verdict.events {
            if self.leadership.leads() {
                self.events.tell(subject.key, &subject.object.uid, event, subject.now).await;
            }
        }
        if let Some((sized, pods)) = target
            && verdict.rescale().is_none()
            && sized.scale.spec.replicas >= sized.scale.status.replicas
        {
            self.unmark(subject, pods).await;
        }
    }
}

/// Whether two histories differ in more than the moment they were taken.
fn differs(new: Option<&SavedHistory>, old: Option<&SavedHistory>) -> bool {
    match (new, old) {
        (Some(new), Some(old)) => SavedHistory { at: old.at, ..new.clone() } != *old,
        (new, old) => new.is_some() != old.is_some(),
    }
}
