//! skala is killed again and again while tasks of every kind come in and are worked on: nothing that was acknowledged is lost, no
//! producer's call is done as two tasks, what was done is not given out again, and chains keep their order.
//!
//! Method: producers repeat a call that was cut with the same key, as the page says; workers of both kinds append task and operation to one
//!   file, which outlives them, and which is read as a sink that ignores a task's second line. `scripts/tasks-kill` runs more rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use skala_testkit::http::{Client, Response};
use skala_testkit::port::Reserved;
use skala_testkit::skala::Skala;
use skala_testkit::wait::until;

use crate::skala;

/// Tasks of a batch.
const BATCH: usize = 16;
/// Producers; what each does is [`call_of`].
const PRODUCERS: usize = 5;
/// Acknowledged tasks that may wait for workers.
const MOST_AHEAD: u64 = 3_000;
/// Bytes of a line of the effects, about.
const LINE: u64 = 22;
/// How long the rest may take once nobody kills any more.
const REST: Duration = Duration::from_secs(120);

/// A replica that notes each task that it gets, and only then answers.
const WORKER: &str = r#"
import http.server, json, os, sys
file = os.open("effects", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self): self.answer(b"ok")
    def do_POST(self):
        op = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["op"]
        os.write(file, f"{self.headers['Idempotency-Key']} {op}\n".encode())
        self.answer(b"{}")
    def answer(self, body):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"#;

/// What clients know.
#[derive(Default)]
struct Known {
    /// Operations that skala acknowledged.
    acknowledged: BTreeSet<String>,
    /// Tasks whose ack by a worker was acknowledged.
    done: BTreeSet<String>,
    /// What must not be.
    wrong: Vec<String>,
}

/// What had an effect.
#[derive(Default)]
struct Effects {
    /// By operation: the task that did it, and when in the order of all.
    first: BTreeMap<String, (String, usize)>,
    /// Deliveries of what had its effect already: allowed, and without effect.
    repeated: usize,
    /// Operations that two tasks did.
    doubled: Vec<String>,
}

impl Effects {
    fn read(file: &Path) -> Effects {
        let mut effects = Effects::default();
        for (order, line) in std::fs::read_to_string(file).unwrap().lines().enumerate() {
            let (id, op) = line.split_once(' ').expect("task and operation");
            match effects.first.get(op) {
                None => _ = effects.first.insert(op.to_owned(), (id.to_owned(), order)),
                Some((first, _)) if first == id => effects.repeated += 1,
                Some((first, _)) => effects.doubled.push(format!("{op} was done by {first} and by {id}")),
            }
        }
        effects
    }
}

struct World {
    known: Mutex<Known>,
    enough: AtomicBool,
    over: AtomicBool,
    file: PathBuf,
}

impl World {
    fn new(file: PathBuf) -> World {
        World { known: Mutex::default(), enough: false.into(), over: false.into(), file }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// Whether producers should wait for workers, so that the rest can be done in time after the last kill.
    fn is_far_ahead(&self) -> bool {
        let lines = std::fs::metadata(&self.file).map_or(0, |file| file.len() / LINE);
        self.known().acknowledged.len() as u64 > lines + MOST_AHEAD
    }

    /// A task arrives at a worker of this test's.
    fn effect(&self, id: &str, body: &Value) {
        let line = format!("{id} {}\n", body["op"].as_str().expect("a task has its operation"));
        let mut file = OpenOptions::new().append(true).create(true).open(&self.file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

fn post(connection: &mut Client, path: &str, document: &Value) -> std::io::Result<Response> {
    let body = document.to_string();
    connection.request(&format!("POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn task(op: &str) -> Value {
    json!({"body": {"op": op}, "key": op})
}

/// A producer's nth call: path, document, its operations.
fn call_of(producer: usize, n: usize) -> (String, Value, Vec<String>) {
    let op = format!("{producer}.{n}");
    let ops = |count: usize| (0..count).map(|k| format!("{op}.{k}")).collect::<Vec<_>>();
    match producer {
        0 => ("/v1/queues/pushed/tasks".into(), task(&op), vec![op]),
        1 => ("/v1/queues/pulled/tasks".into(), task(&op), vec![op]),
        // Without a key: sent once, and lost if it was cut.
        2 => ("/v1/queues/pushed/tasks".into(), json!({"body": {"op": op}}), vec![op]),
        3 => {
            let ops = ops(BATCH);
            let tasks: Vec<Value> = ops.iter().map(|op| task(op)).collect();
            ("/v1/queues/pulled/tasks:batch".into(), json!({ "tasks": tasks }), ops)
        }
        _ => {
            let ops = ops(3);
            let chain: Vec<Value> = ops.iter().map(|op| task(op)).collect();
            ("/v1/flows".into(), json!({"queue": if n.is_multiple_of(2) { "pushed" } else { "pulled" }, "chain": chain}), ops)
        }
    }
}

/// Enqueues until it is enough, and repeats what was cut.
fn produce(world: &World, at: SocketAddr, producer: usize) {
    let mut n = 0;
    let has_key = producer != 2;
    while !world.enough.load(Ordering::SeqCst) {
        let Ok(mut connection) = Client::try_connect(at) else {
            pause();
            continue;
        };
        while !world.enough.load(Ordering::SeqCst) {
            if world.is_far_ahead() {
                pause();
                continue;
            }
            let (path, document, ops) = call_of(producer, n);
            let answer = post(&mut connection, &path, &document);
            n += usize::from(!has_key);
            let Ok(answer) = answer else { break };
            match answer.status {
                200 | 201 => {
                    world.known().acknowledged.extend(ops);
                    n += usize::from(has_key);
                }
                503 => pause(),
                other => world.known().wrong.push(format!("{path}: {other} {}", answer.text())),
            }
        }
    }
}

/// Not a wait for anything: a client that is refused comes back a little later.
fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// Works on tasks by the lease API until all is over.
fn work(world: &World, at: SocketAddr) {
    while !world.over.load(Ordering::SeqCst) {
        let Ok(mut connection) = Client::try_connect(at) else {
            pause();
            continue;
        };
        while !world.over.load(Ordering::SeqCst) {
            if work_once(world, &mut connection).is_err() {
                break;
            }
        }
    }
}

fn work_once(world: &World, connection: &mut Client) -> std::io::Result<()> {
    let taken = post(connection, "/v1/leases", &json!({"queues": "pulled", "max": 8, "wait": "1s", "lease": "10s"}))?;
    if taken.status != 200 {
        pause();
        return Ok(());
    }
    let taken: Value = serde_json::from_slice(&taken.body)?;
    let tasks = taken["tasks"].as_array().expect("tasks");
    if tasks.is_empty() {
        return Ok(());
    }
    for task in tasks {
        let id = task["id"].as_str().expect("an id");
        if world.known().done.contains(id) {
            world.known().wrong.push(format!("{id} was given out after its ack was acknowledged"));
        }
        world.effect(id, &task["body"]);
    }
    let acks: Vec<Value> = tasks.iter().map(|task| json!({"id": task["id"], "fence": task["fence"]})).collect();
    let answer = post(connection, "/v1/leases/ack", &json!({ "tasks": acks }))?;
    let each: Value = serde_json::from_slice(&answer.body)?;
    for (nth, task) in tasks.iter().enumerate() {
        let status = if tasks.len() == 1 { json!(answer.status) } else { each["tasks"][nth]["status"].clone() };
        if status == 200 {
            world.known().done.insert(task["id"].as_str().expect("an id").to_owned());
        }
    }
    Ok(())
}

/// What must hold once all is done.
fn check(world: &World, effects: &Effects) {
    let known = world.known();
    assert!(known.wrong.is_empty(), "{:#?}", &known.wrong[..known.wrong.len().min(20)]);
    assert!(effects.doubled.is_empty(), "{:#?}", &effects.doubled[..effects.doubled.len().min(20)]);
    let lost: Vec<&String> = known.acknowledged.iter().filter(|op| !effects.first.contains_key(*op)).collect();
    assert!(lost.is_empty(), "{} acknowledged tasks had no effect: {:?}", lost.len(), &lost[..lost.len().min(20)]);
    for (op, (_, order)) in effects.first.iter().filter(|(op, _)| op.starts_with("4.")) {
        let (chain, step) = op.rsplit_once('.').expect("a step of a chain");
        let Some(before) = step.parse::<usize>().unwrap().checked_sub(1) else { continue };
        let before = effects.first.get(&format!("{chain}.{before}")).map(|(_, order)| *order);
        assert!(before.is_some_and(|before| before < *order), "{op} came before the step that it waits for");
    }
}

/// A platform whose workers get tasks by push, with a queue beside it that this test's own workers take from.
fn platform(at: SocketAddr) -> Skala {
    let skala = skala(&format!(
        "platform: test\ngateway: {{listen: '127.0.0.1:0'}}\nadmin: {{listen: '127.0.0.1:0'}}\ntasks: {{listen: '{at}'}}\nservices:\n  \
         worker:\n    command: [python3, worker.py, $PORT]\n    readiness: {{httpGet: /, period: 100ms}}\n    concurrency: 16\n    \
         replicas: 1\nqueues:\n  pushed: {{deliver: {{service: worker, path: /work}}, lease: 5s}}\n  \
         pulled: {{deliver: {{service: worker}}, lease: 5s}}\n"
    ));
    skala.write("worker.py", WORKER);
    skala
}

/// Kills at moments that differ from round to round.
fn kill(skala: &mut Skala, rounds: u64) {
    let mut chance = 20_261_121_u64;
    for round in 0..rounds {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Every fifth time it may still be starting; every other time it has a replica that works.
        match round {
            _ if round % 5 == 4 => skala.spawn(&[]),
            _ if round % 2 == 0 => _ = skala.up_ready("worker", 1),
            _ => _ = skala.up(),
        }
        // Not a wait for anything: this is the moment of the blow.
        thread::sleep(Duration::from_millis((chance >> 33) % 400));
        skala.signal(Signal::SIGKILL);
        skala.wait();
    }
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_over_many_kills() {
    let rounds: u64 = std::env::var("SKALA_KILL_ROUNDS").map_or(10, |n| n.parse().expect("a number of rounds"));
    let port = Reserved::new();
    let at: SocketAddr = ([127, 0, 0, 1], port.port()).into();
    let mut skala = platform(at);
    let world = &World::new(skala.folder().join("effects"));
    thread::scope(|scope| {
        (0..PRODUCERS).for_each(|n| _ = scope.spawn(move || produce(world, at, n)));
        (0..2).for_each(|_| _ = scope.spawn(move || work(world, at)));
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            kill(&mut skala, rounds);
            world.enough.store(true, Ordering::SeqCst);
            skala.up();
            until("everything that was taken in has ended", REST, || rest(at).filter(|rest| *rest == 0));
        }));
        world.enough.store(true, Ordering::SeqCst);
        world.over.store(true, Ordering::SeqCst);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let effects = Effects::read(&world.file);
    check(world, &effects);
    let acknowledged = world.known().acknowledged.len();
    let done = world.known().done.len();
    let (first, repeated) = (effects.first.len(), effects.repeated);
    eprintln!("{rounds} kills: {acknowledged} tasks acknowledged, {first} effects, {repeated} deliveries repeated");
    assert!(acknowledged > 20 && done > 5, "there was load: {acknowledged} {done}");
    skala.down();
}

/// Unfinished tasks of both queues.
fn rest(at: SocketAddr) -> Option<u64> {
    let answer = skala_testkit::skala::try_get(at, "/v1/queues").ok().filter(|answer| answer.status == 200)?;
    let document: Value = serde_json::from_slice(&answer.body).ok()?;
    let queues = document["queues"].as_array()?.iter();
    queues
        .map(|q| ["ready", "delayed", "held", "parked", "leased"].iter().map(|phase| q[*phase].as_u64()).sum::<Option<u64>>())
        .sum()
}
