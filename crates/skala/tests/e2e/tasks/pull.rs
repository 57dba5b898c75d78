//! Tasks that replicas take themselves, by processes that listen on nothing.

use skala_testkit::processes;
use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use super::{HEAD, await_done, effects, ids};
use crate::skala;

/// A worker by the lease API: notes its process and the task's id in `effects`, and sleeps as the body says when it is the first try.
const WORKER: &str = r#"
import json, os, time, urllib.request
url = os.environ["SKALA_TASKS_URL"]
def call(path, doc):
    request = urllib.request.Request(url + path, json.dumps(doc).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer: return json.load(answer)
print("takes tasks as", os.environ["SKALA_WORKER"], flush=True)
while True:
    got = call("/v1/leases", {"queues": ["work"], "max": 1, "wait": "5s", "worker": os.environ["SKALA_WORKER"],
                              "instance": int(os.environ["SKALA_INSTANCE"])})
    for task in got["tasks"]:
        if task["losses"] == 0:
            with open("begun", "a") as f: f.write(f"{os.getpid()}\n")
            time.sleep(task["body"].get("sleep", 0))
        with open("effects", "a") as f: f.write(task["id"] + "\n")
        call("/v1/leases/ack", {"tasks": [{"id": task["id"], "fence": task["fence"]}]})
"#;

fn pulled(autoscaling: &str) -> String {
    format!(
        "{HEAD}services:\n  worker:\n    command: [python3, worker.py]\n    drain: 20s\n    restart: {{initial: 100ms}}\n    {autoscaling}\n\
         queues:\n  work: {{deliver: {{service: worker}}, lease: 60s, retry: {{initial: 100ms}}}}\n"
    )
}

#[test]
fn a_worker_that_is_killed_loses_its_task_to_another_long_before_its_lease_ends() {
    let mut skala = skala(&pulled("replicas: 1"));
    skala.write("worker.py", WORKER);
    skala.up_ready("worker", 1);
    let task = skala.json(&["tasks", "enqueue", "work", "--body", "{\"sleep\": 600}"]);
    let begun = || std::fs::read_to_string(skala.folder().join("begun")).ok();
    let pid = until("it is begun", PATIENCE, || begun()?.trim().parse::<u32>().ok());
    assert_eq!(skala.replicas("worker")[0]["phase"], "ready", "a process that listens on nothing is ready");
    processes::signal(pid, nix::sys::signal::Signal::SIGKILL);
    // The lease holds for a minute; a process that is seen to die does not keep it.
    let ran = skala.json(&["tasks", "show", &ids(&task)[0]]);
    assert_eq!(ran["queue"], "work");
    await_done(&skala, "work", 1);
    assert_eq!(effects(skala.folder()), ids(&task));
    assert_eq!(skala.json(&["tasks", "show", &ids(&task)[0]])["losses"], 1);
    skala.down();
}

#[test]
fn workers_come_from_zero_and_are_not_stopped_at_work() {
    let elastic = "autoscaling: {minReplicas: 0, maxReplicas: 2, metrics: [{queueLength: 1}], cooldown: 0s, \
                   behavior: {scaleDown: {stabilizationWindowSeconds: 0}}}";
    let mut skala = skala(&pulled(elastic));
    skala.write("worker.py", WORKER);
    skala.up();
    assert!(skala.replicas("worker").is_empty());
    let long = skala.json(&["tasks", "enqueue", "work", "--body", "{\"sleep\": 6}"]);
    let short = skala.json(&["tasks", "enqueue", "work", "--body", "{\"sleep\": 0}"]);
    await_done(&skala, "work", 2);
    let found = effects(skala.folder());
    assert_eq!(found.len(), 2, "nobody was stopped at work: {found:?}");
    assert!(found.contains(&ids(&long)[0]) && found.contains(&ids(&short)[0]));
    until("nobody is left", PATIENCE, || skala.replicas("worker").is_empty().then_some(()));
    let shown = skala.json(&["tasks", "show", &ids(&long)[0]]);
    assert_eq!((&shown["losses"], &shown["state"]), (&0.into(), &"done".into()), "{shown}");
    skala.down();
}
