//! The verbs of tasks and schedules.

use std::time::Duration;

use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use super::{HEAD, effects, ids, pushed, queue};
use crate::skala;

#[test]
fn a_task_says_why_it_waits_and_is_directed_by_hand() {
    let mut skala = pushed("replicas: 1", "concurrencyPerReplica: 1", "");
    skala.up_ready("worker", 1);
    skala.ok(&["tasks", "pause", "work"]);
    assert_eq!(queue(&skala, "work")["paused"], true);
    let first = skala.json(&["tasks", "enqueue", "work", "--body", "1", "--tenant", "acme", "--name", "a", "--priority", "3"]);
    let second = skala.json(&["tasks", "enqueue", "work", "--delay", "1h", "--after", &ids(&first)[0]]);
    let (first, second) = (ids(&first)[0].clone(), ids(&second)[0].clone());
    let why = skala.json(&["why", &first]);
    assert_eq!((&why["state"], &why["why"]["reason"]), (&"ready".into(), &"paused".into()), "{why}");
    assert!(skala.ok(&["why", &first]).starts_with(&format!("task {first} is ready: its queue pauses")));
    assert_eq!(skala.json(&["why", &second])["state"], "held");
    let listed = skala.json(&["tasks", "list", "--queue", "work", "--phase", "ready", "--tenant", "acme", "--name", "a"]);
    assert_eq!(listed["tasks"].as_array().map(Vec::len), Some(1), "{listed}");
    let shown = skala.json(&["tasks", "show", &first, "--body"]);
    assert_eq!((&shown["priority"], &shown["tenant"], &shown["body"]), (&3.into(), &"acme".into(), &1.into()), "{shown}");
    skala.ok(&["tasks", "cancel", &first]);
    assert_eq!(skala.json(&["tasks", "show", &second])["state"], "cancelled", "what waits for it is called off");
    skala.ok(&["tasks", "retry", &first]);
    skala.ok(&["tasks", "resume", "work"]);
    until("it runs", PATIENCE, || (effects(skala.folder()) == [first.clone()]).then_some(()));
    skala.ok(&["tasks", "enqueue", "work", "--delay", "1h"]);
    assert_eq!(skala.run(&["tasks", "purge", "work"]).code, Some(2), "nobody is there to ask");
    assert_eq!(skala.json(&["tasks", "purge", "work", "--yes"])["purged"], 1);
    for table in [["tasks", "stats"], ["tasks", "list"], ["tasks", "dead"], ["schedules", "list"]] {
        skala.ok(&table);
    }
    let status = skala.admin_json("/v1/status");
    assert_eq!(status["queues"][0]["name"], "work", "{status}");
    let metrics = skala_testkit::skala::get(skala.admin(), "/metrics").text();
    assert!(metrics.contains("skala_tasks_ready{queue=\"work\"} 0"), "{metrics}");
    let rows: [(&[&str], i32, &str); 7] = [
        (&["tasks", "enqueue", "wrok"], 1, "did you mean work"),
        (&["tasks", "enqueue", "work", "--body", "{"], 2, "the body is not JSON"),
        (&["tasks", "enqueue", "work", "--body", "@nowhere"], 1, "cannot read nowhere"),
        (&["tasks", "show", "0000000000000"], 1, "no task is called"),
        (&["tasks", "list", "--phase", "lost"], 1, "`lost` is not one of"),
        (&["tasks", "retry", &first], 1, ""),
        (&["tasks", "retry"], 2, ""),
    ];
    for (args, code, said) in rows {
        let ran = skala.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains(said), "{args:?}: {ran:?}");
    }
    skala.down();
    let ran = skala.run(&["tasks", "stats"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("no skala is running"), "{ran:?}");
}

#[test]
fn a_platform_without_queues_says_so() {
    let mut skala = skala(&crate::api("replicas: 1"));
    skala.up();
    let ran = skala.run(&["tasks", "stats"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("has no queues and schedules"), "{ran:?}");
    skala.down();
}

#[test]
fn the_next_times_of_schedules_need_no_running_skala() {
    let text = format!(
        "{HEAD}services:\n  worker: {{command: [python3, worker.py, $PORT]}}\nqueues:\n  work: {{deliver: {{service: worker, path: /}}}}\n\
         schedules:\n  nightly: {{cron: '0 2 * * *', timezone: Europe/Berlin, queue: work}}\n  often: {{every: 10m, queue: work, paused: true}}\n"
    );
    let skala = skala(&text);
    let found = skala.json(&["schedules", "next", "--from", "2026-10-24T12:00:00Z"]);
    let nightly = &found["schedules"][0];
    assert_eq!(nightly["next"].as_array().map(Vec::len), Some(5), "{found}");
    let shown = nightly["next"].as_array().unwrap().iter().map(|t| t.as_str().unwrap()).collect::<Vec<_>>();
    assert!(shown[0].contains("+02:00") && shown[1].contains("+01:00"), "the offset changes with daylight saving: {shown:?}");
    assert_eq!(found["schedules"][1]["paused"], true);
    let ran = skala.run(&["schedules", "next", "weekly"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("the file has: nightly, often"), "{ran:?}");
}

#[test]
fn a_schedule_fires_pauses_and_tells_of_it() {
    let mut skala =
        pushed("replicas: 1", "concurrencyPerReplica: 2", "schedules:\n  tick: {every: 1s, queue: work, body: {n: 1}}\n");
    skala.up_ready("worker", 1);
    until("it fired twice", PATIENCE, || (effects(skala.folder()).len() >= 2).then_some(()));
    skala.ok(&["schedules", "pause", "tick"]);
    let fired = || skala.json(&["schedules", "history", "tick", "-n", "1000"])["runs"].as_array().map_or(0, Vec::len);
    let before = fired();
    assert!(before >= 2, "{before}");
    std::thread::sleep(Duration::from_millis(2500)); // two of its periods, in which nothing may come
    assert_eq!(fired(), before, "it pauses");
    skala.ok(&["schedules", "run", "tick"]);
    until("it ran by hand", PATIENCE, || (fired() > before).then_some(()));
    skala.ok(&["schedules", "resume", "tick"]);
    until("it fires again", PATIENCE, || (fired() > before + 1).then_some(()));
    skala.ok(&["schedules", "list"]);
    skala.down();
}
