//! `examples/fastapi-celery`: the real packages of the Python registry on a real Redis.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use skala_testkit::http::Client;
use skala_testkit::servers::Redis;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::until;
use skala_testkit::{processes, venv};

use super::{copy, folder};

/// Notes when a task begins and ends, behind the example's own code.
const NOTES: &str = r#"

from celery.signals import task_postrun, task_prerun


def note(word, task, task_id):
    with open("effects", "a") as file:
        file.write(f"{word} {task.name} {task_id}\n")


@task_prerun.connect
def began(task_id=None, task=None, **_):
    note("began", task, task_id)


@task_postrun.connect
def ended(task_id=None, task=None, state=None, **_):
    note(state, task, task_id)
"#;

fn programs() -> PathBuf {
    venv::programs(&folder("fastapi-celery").join("requirements.txt"), Path::new(env!("CARGO_TARGET_TMPDIR")))
}

/// The example, faster: tasks take a tenth, leases three seconds, and it shrinks after two.
fn example(redis: &Redis) -> Skala {
    let skala = copy("fastapi-celery")
        .path(&programs())
        .env("CELERY_BROKER_URL", format!("redis://{}/0", redis.address()))
        .env("C_FORCE_ROOT", "1")
        .env("PACE", "0.1")
        .env("VISIBILITY_TIMEOUT", "3");
    let text = std::fs::read_to_string(skala.folder().join("skala.yaml")).unwrap();
    let text = text
        .replace("celery: {broker: \"${CELERY_BROKER_URL}\"", "celery: {broker: \"${CELERY_BROKER_URL}\", visibilityTimeout: 3s")
        .replace("maxReplicas: 6, ", "maxReplicas: 3, behavior: {scaleDown: {stabilizationWindowSeconds: 2}}, ")
        .replace("env: {CELERY", "env: {VISIBILITY_TIMEOUT: \"3\", PACE: \"0.1\", C_FORCE_ROOT: \"1\", CELERY")
        .replace("/tmp/fastapi-celery-beat", "beat-schedule");
    skala.write("skala.yaml", &format!("{text}tasks: {{listen: '127.0.0.1:0'}}\n"));
    let code = std::fs::read_to_string(skala.folder().join("tasks.py")).unwrap();
    skala.write("tasks.py", &format!("{code}{NOTES}"));
    skala
}

/// Posts to the web service; the task's id.
fn post(skala: &Skala, path: &str, body: &Value) -> String {
    let mut client = Client::connect(skala.gateway());
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n");
    let answer = client.request(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).expect("an answer");
    assert_eq!(answer.status, 202, "{}", answer.text());
    let document: Value = serde_json::from_slice(&answer.body).unwrap();
    document["task"].as_str().expect("an id").to_owned()
}

/// How often tasks began and ended, by id.
fn effects(skala: &Skala) -> BTreeMap<String, (u32, u32)> {
    let text = std::fs::read_to_string(skala.folder().join("effects")).unwrap_or_default();
    let mut all: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let one = all.entry(words[2].to_owned()).or_default();
        if words[0] == "began" { one.0 += 1 } else { one.1 += 1 }
    }
    all
}

#[track_caller]
fn await_ended(skala: &Skala, ids: &[String]) {
    until("every task has ended", 2 * PATIENCE, || {
        let seen = effects(skala);
        ids.iter().all(|id| seen.get(id).is_some_and(|(_, ended)| *ended > 0)).then_some(())
    });
}

fn queue(skala: &Skala, name: &str) -> Value {
    skala.json(&["tasks", "stats", name])["queues"][0].clone()
}

/// Messages in all lists of a queue.
fn waiting(redis: &Redis, queue: &str) -> u64 {
    let lists = ["", "\u{6}\u{16}3", "\u{6}\u{16}6", "\u{6}\u{16}9"];
    let length = |step: &str| redis.run(&["LLEN", &format!("{queue}{step}")])[1..].parse::<u64>().unwrap();
    lists.iter().map(|step| length(step)).sum()
}

fn state_of(skala: &Skala, id: &str) -> Value {
    let answer = skala.get(&format!("/tasks/{id}"));
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

#[test]
fn load_makes_workers_come_and_go_and_every_task_runs_once() {
    let redis = Redis::durable();
    let mut skala = example(&redis);
    skala.up_ready("processing", 1);
    skala.await_ready("web", 1);
    // Outlives the visibility timeout of three seconds.
    let long = post(&skala, "/reports", &json!({"pages": 400, "urgent": true}));
    let mut ids = vec![long.clone()];
    thread::scope(|scope| {
        let some = |n: usize, path: &'static str, body: Value| {
            let skala = &skala;
            scope.spawn(move || (0..n).map(|_| post(skala, path, &body)).collect::<Vec<_>>())
        };
        let emails = some(150, "/emails", json!({"to": "a@example.com", "subject": "hello"}));
        let reports = some(90, "/reports", json!({"pages": 15}));
        ids.extend(emails.join().unwrap());
        ids.extend(reports.join().unwrap());
    });
    until("more workers have come", PATIENCE, || (skala.service("processing")["ready"].as_u64() >= Some(2)).then_some(()));
    await_ended(&skala, &ids);
    let seen = effects(&skala);
    let wrong: Vec<_> = ids.iter().filter(|id| seen[*id] != (1, 1)).collect();
    assert!(wrong.is_empty(), "{:?}", wrong.iter().map(|id| (id, seen[*id])).collect::<Vec<_>>());
    assert_eq!(state_of(&skala, &long)["result"], json!({"pages": 400}));
    until("the workers have gone", 2 * PATIENCE, || (skala.service("processing")["ready"] == 1).then_some(()));
    assert_eq!(redis.run(&["HLEN", "unacked"]), ":0");
    skala.down();
}

#[test]
fn numbers_pauses_schedules_and_tasks_from_the_command_line() {
    let redis = Redis::durable();
    let mut skala = example(&redis);
    skala.up_ready("email", 1);
    skala.await_ready("web", 1);
    let id = |document: Value| document["tasks"][0]["id"].as_str().expect("an id").to_owned();
    // A pause holds for workers that are there, and what waits is counted as Redis counts it.
    until("the worker is known", PATIENCE, || queue(&skala, "email")["celery"]["running"].is_u64().then_some(()));
    skala.ok(&["tasks", "pause", "email"]);
    let mut waits: Vec<String> = Vec::new();
    until("the worker takes no more", PATIENCE, || {
        let id = post(&skala, "/emails", &json!({"to": "a@example.com", "subject": "hello"}));
        thread::sleep(Duration::from_millis(400));
        let began = effects(&skala).contains_key(&id);
        waits.push(id);
        (!began).then_some(())
    });
    let body = json!({"to": "b@example.com", "subject": "waits"});
    waits.extend((0..20).map(|_| post(&skala, "/emails", &body)));
    let begun = |skala: &Skala| waits.iter().filter(|id| effects(skala).contains_key(*id)).count();
    let before = begun(&skala);
    until("the numbers are those of Redis", PATIENCE, || {
        let (stats, there) = (queue(&skala, "email"), waiting(&redis, "email"));
        (stats["ready"] == there && stats["leased"] == 0 && stats["paused"] == true && there >= 20).then_some(())
    });
    assert_eq!(begun(&skala), before, "nothing begins in a pause");
    let row = skala.admin_json("/v1/status")["queues"].as_array().unwrap().iter().find(|q| q["name"] == "email").cloned();
    assert_eq!(row.map(|q| (q["ready"].clone(), q["paused"].clone())), Some((waiting(&redis, "email").into(), true.into())));
    skala.ok(&["tasks", "resume", "email"]);
    await_ended(&skala, &waits);
    // Enqueued by skala, run by Celery, read by AsyncResult.
    let args = r#"{"args": ["c@example.com"], "kwargs": {"subject": "from skala"}}"#;
    let sent = id(skala.json(&["tasks", "enqueue", "email", "--name", "tasks.send_email", "--body", args]));
    let refused = skala.run(&["tasks", "enqueue", "email", "--body", "[1]"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("names no task"), "{refused:?}");
    skala.ok(&["schedules", "run", "weekly"]);
    let made = until("the schedule has run", PATIENCE, || {
        let runs = skala.json(&["schedules", "history", "weekly"]);
        runs["runs"][0]["tasks"][0].as_str().map(str::to_owned)
    });
    await_ended(&skala, &[sent.clone(), made.clone()]);
    assert_eq!(state_of(&skala, &sent)["result"]["subject"], "from skala");
    assert_eq!(state_of(&skala, &made)["result"], json!({"to": "team@example.com", "subject": "The week", "attempt": 1}));
    assert_eq!(effects(&skala)[&sent], (1, 1));
    assert_eq!(skala.json(&["tasks", "show", &sent])["state"], "done");
    skala.down();
}

#[test]
fn a_killed_workers_task_runs_again_at_once_and_a_restart_of_redis_is_survived() {
    let mut redis = Redis::durable();
    let mut skala = example(&redis);
    skala.up_ready("processing", 1);
    skala.await_ready("web", 1);
    let long = post(&skala, "/reports", &json!({"pages": 100, "urgent": true}));
    let running = |skala: &Skala| queue(skala, "processing")["celery"]["running"].as_u64() > Some(0);
    until("it runs, and skala knows", PATIENCE, || running(&skala).then_some(()));
    let worker = u32::try_from(skala.replicas("processing")[0]["pid"].as_u64().unwrap()).unwrap();
    let of_worker: Vec<u32> = skala.processes().into_iter().filter(|p| p.parent == worker).map(|p| p.pid).collect();
    of_worker.into_iter().chain([worker]).for_each(|pid| processes::signal(pid, Signal::SIGKILL));
    until("the task is back in its queue, or runs again", PATIENCE, || {
        (waiting(&redis, "processing") > 0 || effects(&skala)[&long].0 > 1).then_some(())
    });
    await_ended(&skala, std::slice::from_ref(&long));
    assert_eq!(effects(&skala)[&long], (2, 1));
    assert!(!skala.events("", "leaseLost").is_empty());
    // What was accepted before Redis went away is done after it came back, and new work is taken.
    let mut ids: Vec<String> = (0..30).map(|_| post(&skala, "/reports", &json!({"pages": 10}))).collect();
    redis.kill();
    let sent = skala.json(&["tasks", "enqueue", "processing", "--name", "tasks.report", "--body", "[1]"]);
    ids.push(sent["tasks"][0]["id"].as_str().unwrap().to_owned());
    thread::sleep(Duration::from_secs(1));
    redis.restart();
    ids.push(until("new tasks are taken", PATIENCE, || {
        let mut client = Client::connect(skala.gateway());
        let head =
            "POST /reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 12\r\n";
        let answer = client.request(&format!("{head}\r\n{{\"pages\": 1}}")).ok().filter(|answer| answer.status == 202)?;
        let document: Value = serde_json::from_slice(&answer.body).ok()?;
        document["task"].as_str().map(str::to_owned)
    }));
    await_ended(&skala, &ids);
    until("the queue is seen to be empty", PATIENCE, || {
        let stats = queue(&skala, "processing");
        (stats["ready"] == 0 && stats["leased"] == 0 && stats["celery"]["error"].is_null()).then_some(())
    });
    skala.down();
}

#[test]
fn the_beat_schedule_becomes_schedules_that_check_accepts() {
    let skala = copy("fastapi-celery").env("CELERY_BROKER_URL", "redis://127.0.0.1:1/0");
    let python = programs().join("python");
    let out = skala.ok(&["import", "celery-beat", "tasks:app", "--python", python.to_str().unwrap()]);
    assert!(out.contains("cron: 0 2 * * *") || out.contains("cron: \"0 2 * * *\""), "{out}");
    let text = std::fs::read_to_string(skala.folder().join("skala.yaml")).unwrap();
    let entries = out.split_once("schedules:\n").expect("it has schedules").1;
    skala.write("skala.yaml", &text.replace("schedules: #", &format!("schedules:\n{entries}\n  #")));
    let checked = skala.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}\n{out}");
    let missing = skala.run(&["import", "celery-beat", "nothing:app", "--python", python.to_str().unwrap()]);
    assert!(missing.code == Some(1) && missing.stderr.contains("nothing"), "{missing:?}");
}
