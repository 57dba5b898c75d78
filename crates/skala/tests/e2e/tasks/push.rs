//! Tasks that are pushed to replicas.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;
use skala_testkit::skala::{PATIENCE, get};
use skala_testkit::wait::until;

use super::{await_done, batch, effects, ids, pushed, queue};

const ELASTIC: &str = "autoscaling: {minReplicas: 0, maxReplicas: 3, metrics: [{queueLength: 10}], cooldown: 1s, \
                       behavior: {scaleDown: {stabilizationWindowSeconds: 1}}}";

#[test]
fn a_full_queue_brings_replicas_and_an_empty_one_ends_them() {
    let mut skala = pushed(ELASTIC, "concurrencyPerReplica: 4, timeout: 10s, alarm: {length: 20}", "");
    skala.up();
    assert_eq!(skala.service("worker")["ready"], 0);
    batch(&skala, 50, |n| format!("{{\"body\": {{\"sleep\": 0.1}}, \"key\": \"k{n}\"}}"));
    let made = skala.json(&["tasks", "enqueue", "work", "--batch", "batch.ndjson"]);
    let again = skala.json(&["tasks", "enqueue", "work", "--batch", "batch.ndjson"]);
    assert_eq!(ids(&made), ids(&again), "their keys are known");
    await_done(&skala, "work", 50);
    let found = effects(skala.folder());
    assert_eq!(found.len(), 50, "each effect once");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), ids(&made).into_iter().collect());
    assert_eq!(queue(&skala, "work")["duplicates"], 50);
    until("no replica is left", PATIENCE, || skala.replicas("worker").is_empty().then_some(()));
    assert!(!skala.events("worker", "scaled").is_empty());
    assert!(!skala.events("worker", "alarm").is_empty(), "50 tasks are more than 20");
    let again = &skala.json(&["replay"])["services"]["worker"];
    assert!(again["decisions"].as_u64() > Some(0), "{again}");
    assert_eq!(again["different"], 0, "decisions by queues are taken again byte for byte: {again}");
    let metrics = get(skala.admin(), "/metrics").text();
    let metrics = crate::prom::Metrics::parse(&metrics).unwrap();
    let made = |end: &str| metrics.value_of("skala_tasks_attempts_made_total", &[("way", "push"), ("of", "worker"), ("end", end)]);
    assert_eq!((made("done"), made("failed")), (50.0, 0.0));
    skala.down();
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_skala_is_killed() {
    let mut skala = pushed("replicas: 2", "concurrencyPerReplica: 2, retry: {initial: 100ms, attempts: 5}", "");
    skala.up_ready("worker", 2);
    batch(&skala, 120, |_| "{\"body\": {\"sleep\": 0.02}}".to_owned());
    let mut wanted = BTreeSet::new();
    for _ in 0..3 {
        wanted.extend(ids(&skala.json(&["tasks", "enqueue", "work", "--batch", "batch.ndjson"])));
        until("some are done", PATIENCE, || (effects(skala.folder()).len() > 20).then_some(()));
        skala.signal(Signal::SIGKILL);
        skala.wait();
        skala.up_ready("worker", 2);
    }
    assert_eq!(wanted.len(), 360);
    until("the queue is empty", PATIENCE, || {
        let q = queue(&skala, "work");
        ["ready", "leased", "delayed"].iter().all(|state| q[*state] == 0).then_some(())
    });
    let done = effects(skala.folder()).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(done, wanted, "every task had its effect");
    skala.down();
}

#[test]
fn a_worker_that_dies_costs_a_lease_and_its_last_words_are_kept() {
    let mut skala =
        pushed("replicas: 1\n    restart: {initial: 100ms}", "lease: 5s, retry: {initial: 100ms, attempts: 3, losses: 3}", "");
    skala.up_ready("worker", 1);
    let task = skala.json(&["tasks", "enqueue", "work", "--body", "{\"die\": true}", "--wait", "60s"]);
    assert_eq!(task["tasks"][0]["state"], "done", "{task}");
    assert_eq!(effects(skala.folder()), ids(&task));
    // The connection and the process both tell of the death; the attempt counts once, as one or the other.
    let shown = skala.json(&["tasks", "show", &ids(&task)[0]]);
    let (attempts, losses) = (shown["attempts"].as_u64().unwrap(), shown["losses"].as_u64().unwrap());
    assert_eq!((losses, attempts <= 1), (1, true), "{shown}");
    // A refusal that a repetition does not cure is a dead letter at once.
    let ran = skala.run(&["tasks", "enqueue", "work", "--body", "{\"status\": 422}", "--name", "bad", "--wait"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let dead = skala.json(&["tasks", "dead", "--queue", "work"]);
    assert_eq!((&dead["tasks"][0]["name"], &dead["tasks"][0]["death"]["cause"]), (&"bad".into(), &"rejected".into()), "{dead}");
    until("the death is noted", PATIENCE, || (!skala.events("worker", "deadLetter").is_empty()).then_some(()));
    skala.down();
}
