//! What goes wrong around a running platform with tasks: a task that kills, a process that stands still, a full disk, a damaged store,
//! clients that come and go.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use skala_testkit::http::{Client, Response};
use skala_testkit::port::Reserved;
use skala_testkit::skala::{PATIENCE, Skala, try_get};
use skala_testkit::wait::until;
use skala_types::Time;

use super::{effects, ids, pushed};
use crate::skala;

/// Memory that a thousand clients which came and went may leave behind, in KiB.
const LEFT_BEHIND: u64 = 48 << 10;

/// A platform whose API listens at `at`, with a queue that nobody takes from but this test.
fn pulled(at: SocketAddr, store: &Path, more: &str) -> Skala {
    skala(&format!(
        "platform: test\ngateway: {{listen: '127.0.0.1:0'}}\nadmin: {{listen: '127.0.0.1:0'}}\ntasks: {{listen: '{at}', store: '{}'}}\n\
         services:\n  worker: {{command: [sleep, '1000'], drain: 11m}}\nqueues:\n  work: {{deliver: {{service: worker}}, {more}}}\n",
        store.display()
    ))
}

fn here(port: &Reserved) -> SocketAddr {
    ([127, 0, 0, 1], port.port()).into()
}

fn try_post(at: SocketAddr, path: &str, body: &str) -> std::io::Result<Response> {
    let mut client = Client::try_connect(at)?;
    client.stream().set_read_timeout(Some(PATIENCE))?;
    client.request(&format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn post(at: SocketAddr, path: &str, body: &str) -> Response {
    try_post(at, path, body).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn document(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.text()))
}

fn enqueue(at: SocketAddr, body: &str) -> String {
    let made = post(at, "/v1/queues/work/tasks", body);
    assert_eq!(made.status, 201, "{}", made.text());
    document(&made)["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_task_that_kills_its_worker_each_time_is_a_dead_letter_and_others_go_on() {
    let mut skala =
        pushed("replicas: 1\n    restart: {initial: 100ms, max: 200ms}", "retry: {initial: 100ms, attempts: 9, losses: 2}", "");
    // Whatever was lost before: it dies of this one.
    skala.write("worker.py", &super::WORKER.replace("self.headers.get(\"Skala-Losses\") == \"0\"", "True"));
    skala.up_ready("worker", 1);
    let poison = ids(&skala.json(&["tasks", "enqueue", "work", "--body", "{\"die\": true}"]));
    let dead = until("it is a dead letter", PATIENCE, || {
        let task = skala.json(&["tasks", "show", &poison[0]]);
        (task["state"] == "dead").then_some(task)
    });
    assert_eq!((&dead["death"]["cause"], &dead["losses"]), (&json!("lost"), &json!(3)), "{dead}");
    let next = skala.json(&["tasks", "enqueue", "work", "--body", "{}", "--wait", "60s"]);
    assert_eq!(next["tasks"][0]["state"], "done", "{next}");
    assert_eq!(effects(skala.folder()), ids(&next), "the poison had no effect");
    skala.down();
}

#[test]
fn a_leader_that_stands_still_is_replaced_and_each_occurrence_comes_once() {
    let seconds = std::env::var("SKALA_STOP_SECONDS").map_or(7, |n| n.parse().expect("a number of seconds"));
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tasks.db");
    let ports = [Reserved::new(), Reserved::new()];
    let [a, b] = [here(&ports[0]), here(&ports[1])];
    let more = "durability: fsync}\nschedules:\n  tick: {every: 1s, queue: work, overlap: allow, misfire: {all: 100}";
    let (mut first, mut second) = (pulled(a, &store, more), pulled(b, &store, more));
    first.up();
    until("the first leads", PATIENCE, || (role(a)? == "leading").then_some(()));
    second.up();
    until("the second follows", PATIENCE, || (role(b)? == "following").then_some(()));
    until("it has fired", PATIENCE, || (!fired(a)?.is_empty()).then_some(()));
    let sent = post(b, "/v1/queues/work/tasks", "{}");
    assert_eq!((sent.status, sent.header("location")), (307, Some(format!("http://{a}/v1/queues/work/tasks").as_str())));

    first.signal(Signal::SIGSTOP);
    until("the second leads", PATIENCE, || (role(b)? == "leading").then_some(()));
    let before = fired(b).unwrap().len();
    enqueue(b, "{}");
    // The fault itself: it stands still for so long.
    std::thread::sleep(Duration::from_secs(seconds));
    first.signal(Signal::SIGCONT);
    until("the first follows", PATIENCE, || (role(a)? == "following").then_some(()));
    until("it names the new leader", PATIENCE, || (post(a, "/v1/queues/work/tasks", "{}").status == 307).then_some(()));
    until("more have come", PATIENCE, || (fired(b)?.len() > before + 3).then_some(()));
    let all = fired(b).unwrap();
    assert!(all.values().all(|tasks| *tasks == 1), "{all:?}");
    let times: Vec<u64> = all.keys().copied().collect();
    assert!(times.windows(2).all(|pair| pair[1] == pair[0] + 1), "none was left out: {times:?}");
    second.down();
    until("the first leads again", PATIENCE, || (role(a)? == "leading").then_some(()));
    first.down();
}

/// What a process is, as its API says.
fn role(at: SocketAddr) -> Option<String> {
    let answer = try_get(at, "/v1/health").ok()?;
    Some(document(&answer)["status"].as_str()?.to_owned())
}

/// Seconds of occurrences, with the number of tasks of each.
fn fired(at: SocketAddr) -> Option<BTreeMap<u64, usize>> {
    let answer = try_get(at, "/v1/tasks?schedule=tick&limit=1000").ok().filter(|answer| answer.status == 200)?;
    let mut all = BTreeMap::new();
    for task in document(&answer)["tasks"].as_array()? {
        let at: Time = task["nominal"].as_str().unwrap_or_else(|| panic!("{task}")).parse().unwrap();
        *all.entry(at.as_nanos() / 1_000_000_000).or_default() += 1;
    }
    Some(all)
}

/// A small disk in memory; unmounted when it is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).output().ok()?;
        mount.status.success().then_some(Disk(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_new_tasks_loses_none_and_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount() else {
        assert!(!nix::unistd::geteuid().is_root(), "root may mount");
        return;
    };
    let port = Reserved::new();
    let at = here(&port);
    let mut skala = pulled(at, &disk.0.path().join("tasks.db"), "lease: 60s");
    skala.up();
    let body = format!("{{\"body\": \"{}\"}}", "x".repeat(20_000));
    let mut acknowledged: Vec<String> = (0..5).map(|_| enqueue(at, &body)).collect();
    let filler = disk.0.path().join("filler");
    assert!(std::fs::write(&filler, vec![0; 8 << 20]).is_err(), "the disk is full");
    let refused = until("new tasks are refused", PATIENCE, || {
        let answer = post(at, "/v1/queues/work/tasks", &body);
        match answer.status {
            201 => acknowledged.push(document(&answer)["id"].as_str().unwrap().to_owned()),
            503 | 507 => {}
            other => panic!("{other}: {}", answer.text()),
        }
        (answer.status == 507).then_some(answer)
    });
    assert!(refused.text().contains("tasks.db"), "{}", refused.text());
    assert_eq!(try_get(at, &format!("/v1/tasks/{}", acknowledged[0])).unwrap().status, 200, "it can be read");
    std::fs::remove_file(&filler).unwrap();
    until("new tasks are taken in", PATIENCE, || (post(at, "/v1/queues/work/tasks", "{}").status == 201).then_some(()));
    skala.signal(Signal::SIGKILL);
    skala.wait();
    skala.up();
    for id in &acknowledged {
        let shown = until("it leads", PATIENCE, || try_get(at, &format!("/v1/tasks/{id}")).ok().filter(|a| a.status != 503));
        assert_eq!(shown.status, 200, "{id}: {}", shown.text());
    }
    skala.down();
}

#[test]
fn a_damaged_store_is_refused_and_what_the_message_says_helps() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tasks.db");
    let port = Reserved::new();
    let at = here(&port);
    let mut skala = pulled(at, &store, "lease: 60s");
    skala.up();
    let mut made: Vec<String> = (0..60).map(|n| enqueue(at, &format!("{{\"body\": \"{n:03}{}\"}}", "x".repeat(300)))).collect();
    skala.down();
    let mut bytes = std::fs::read(&store).unwrap();
    let page = bytes.windows(4).position(|four| four == b"030x").expect("a body lies there") / 4096;
    bytes[page * 4096..][..64].fill(0x5a);
    std::fs::write(&store, bytes).unwrap();

    let refused = skala.run(&["up"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let says = format!("skala tasks recover {}", store.display());
    assert!(refused.stderr.contains("is damaged") && refused.stderr.contains(&says), "{refused:?}");
    let words: Vec<&str> = says.split(' ').skip(1).collect();
    let recovered = skala.json(&words);
    let saved = recovered["tasks"].as_u64().unwrap();
    // A page holds eleven or twelve such rows.
    assert!((40..60).contains(&saved), "{recovered}");
    skala.up();
    let known = |id: &String| try_get(at, &format!("/v1/tasks/{id}")).unwrap().status == 200;
    made.retain(known);
    assert_eq!(made.len() as u64, saved);
    enqueue(at, "{}");
    skala.down();
}

#[test]
fn each_refusal_of_the_api_is_the_one_that_the_page_promises() {
    let folder = tempfile::tempdir().unwrap();
    let port = Reserved::new();
    let at = here(&port);
    let mut skala = pulled(at, &folder.path().join("tasks.db"), "maxTasks: 2");
    skala.up();
    let megabytes = format!("{{\"body\": \"{}\"}}", "x".repeat(2 << 20));
    let long = post(at, "/v1/queues/work/tasks", &megabytes);
    assert_eq!(long.status, 413, "{}", long.text());
    assert!(long.text().contains("put"), "it says what to do: {}", long.text());
    let id = enqueue(at, "{}");
    let first = document(&post(at, "/v1/leases", r#"{"queues": "work"}"#))["tasks"][0].clone();
    let word = |more: Value| {
        let mut word = json!({"id": id, "fence": first["fence"]});
        word.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "tasks": [word] }).to_string()
    };
    assert_eq!(post(at, "/v1/leases/nack", &word(json!({"handBack": true}))).status, 200);
    assert_eq!(post(at, "/v1/leases", r#"{"queues": "work"}"#).status, 200);
    assert_eq!(post(at, "/v1/leases/ack", &word(json!({"result": 1}))).status, 409);
    assert_eq!(post(at, "/v1/leases/ack", r#"{"tasks": [{"id": "01hm5k2v7q8r0", "fence": "1"}]}"#).status, 404);
    assert_eq!(try_get(at, "/v1/tasks/01hm5k2v7q8r0").unwrap().status, 404);
    enqueue(at, "{}");
    let full = post(at, "/v1/queues/work/tasks", "{}");
    let after = full.header("retry-after").and_then(|value| value.parse::<u64>().ok());
    assert_eq!((full.status, after.is_some_and(|after| after >= 1)), (429, true), "{}", full.text());
    for broken in ["GET\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET /v1/tasks HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"] {
        let mut client = Client::connect(at);
        let said = client.send(broken).read_to_end();
        let is_refused = |bytes: &Vec<u8>| bytes.is_empty() || bytes.starts_with(b"HTTP/1.1 400");
        assert!(said.as_ref().is_ok_and(is_refused), "{broken:?}: {said:?}");
    }
    // Half a body, and then nothing.
    let mut half = Client::connect(at);
    half.send("POST /v1/queues/work/tasks HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n{\"bo").finish_sending();
    let said = half.read_to_end();
    assert!(!said.as_ref().is_ok_and(|bytes| bytes.starts_with(b"HTTP/1.1 20")), "half a task is none: {said:?}");
    assert_eq!(try_get(at, "/v1/health").unwrap().status, 200);
    skala.down();
}

#[test]
fn workers_that_come_wait_and_go_leave_no_memory_behind() {
    let folder = tempfile::tempdir().unwrap();
    let port = Reserved::new();
    let at = here(&port);
    let mut skala = pulled(at, &folder.path().join("tasks.db"), "lease: 60s");
    skala.up();
    let ask = r#"{"queues": "work", "wait": "60s"}"#;
    let request = format!("POST /v1/leases HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{ask}", ask.len());
    let waiting = || {
        let metrics = try_get(at, "/metrics").unwrap().text();
        let line = metrics.lines().find(|line| line.starts_with("skala_tasks_waiting_takes ")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let come_and_go = || {
        let mut pollers: Vec<Client> = (0..64).map(|_| Client::connect(at)).collect();
        pollers.iter_mut().for_each(|poller| _ = poller.send(&request));
        until("all wait", PATIENCE, || (waiting() == 64).then_some(()));
        drop(pollers);
        until("none waits", PATIENCE, || (waiting() == 0).then_some(()));
    };
    come_and_go();
    let before = resident(skala.pid());
    (0..20).for_each(|_| come_and_go());
    let after = resident(skala.pid());
    assert!(after < before + LEFT_BEHIND, "{before} KiB before, {after} KiB after");
    enqueue(at, "{}");
    let taken = document(&post(at, "/v1/leases", r#"{"queues": "work"}"#));
    assert_eq!(taken["tasks"].as_array().map(Vec::len), Some(1), "none of them took it along");
    let done = json!({"tasks": [{"id": taken["tasks"][0]["id"], "fence": taken["tasks"][0]["fence"]}]});
    assert_eq!(post(at, "/v1/leases/ack", &done.to_string()).status, 200);
    skala.down();
}

/// Memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
