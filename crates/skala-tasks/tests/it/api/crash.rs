//! A server that is killed under load loses nothing that it acknowledged, and takes nothing back.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use skala_testkit::http::Client;

/// Times that the server is killed.
const ROUNDS: u64 = 20;

/// What was acknowledged so far.
#[derive(Default)]
struct Known {
    enqueued: BTreeSet<String>,
    done: BTreeSet<String>,
    /// Sent, and never answered.
    open: BTreeSet<String>,
}

/// The example server as a process; killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(store: &Path) -> (Process, SocketAddr) {
        let mut child = Command::new(example())
            .args(["--store", store.to_str().expect("a path of text"), "mail"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example was built");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it is");
        let at = line.trim().trim_start_matches("http://").parse().expect("an address");
        (Process(child), at)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn example() -> PathBuf {
    let test = std::env::current_exe().expect("it runs");
    test.ancestors().nth(2).expect("target/debug").join("examples").join("tasks-serve")
}

#[test]
fn kill_9_under_load_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("tasks.db");
    let known = Mutex::new(Known::default());
    for round in 0..ROUNDS {
        let (process, at) = Process::start(&store);
        thread::scope(|scope| {
            for client in 0..3 {
                let known = &known;
                scope.spawn(move || produce(at, round, client, known));
            }
            scope.spawn(|| work(at, &known));
            // Not a wait for anything: the moment of the blow differs from round to round.
            thread::sleep(Duration::from_millis(20 + 13 * (round % 7)));
            drop(process);
        });
    }
    let (_process, at) = Process::start(&store);
    let known = known.into_inner().expect("no thread panicked");
    assert!(known.enqueued.len() > 100 && known.done.len() > 10, "{} {}", known.enqueued.len(), known.done.len());
    let states = states(at);
    for id in &known.enqueued {
        let state = states.iter().find(|(known, _)| known == id).map(|(_, state)| state.as_str());
        match state {
            Some("done") => assert!(known.done.contains(id) || known.open.contains(id), "{id} was never acknowledged"),
            Some("ready") => assert!(!known.done.contains(id), "{id} was done"),
            other => panic!("{id} is {other:?}"),
        }
    }
}

/// Enqueues until the server is gone.
fn produce(at: SocketAddr, round: u64, client: u64, known: &Mutex<Known>) {
    let Ok(mut connection) = Client::try_connect(at) else { return };
    for n in 0.. {
        let body = format!(r#"{{"key":"{round}-{client}-{n}","body":{n}}}"#);
        let length = body.len();
        let request = format!("POST /v1/queues/mail/tasks HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n{body}");
        let Ok(answer) = connection.request(&request) else { return };
        assert_eq!(answer.status, 201, "{}", answer.text());
        let doc: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let id = doc["id"].as_str().expect("an id").to_owned();
        assert!(known.lock().expect("no panic").enqueued.insert(id), "an id came twice");
    }
}

/// Works on every second task until the server is gone.
fn work(at: SocketAddr, known: &Mutex<Known>) {
    let Ok(mut connection) = Client::try_connect(at) else { return };
    loop {
        let ask = r#"{"queues":"mail","max":4,"wait":"5s"}"#;
        let request = format!("POST /v1/leases HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{ask}", ask.len());
        let Ok(answer) = connection.request(&request) else { return };
        let doc: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let tasks = doc["tasks"].as_array().expect("tasks").iter().step_by(2);
        for task in tasks {
            let id = task["id"].as_str().expect("an id").to_owned();
            let ack = super::server::one(task, "");
            let request = format!("POST /v1/leases/ack HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{ack}", ack.len());
            known.lock().expect("no panic").open.insert(id.clone());
            let Ok(answer) = connection.request(&request) else { return };
            assert_eq!(answer.status, 200, "{}", answer.text());
            known.lock().expect("no panic").done.insert(id);
        }
    }
}

/// All tasks with their states.
fn states(at: SocketAddr) -> Vec<(String, String)> {
    let (mut all, mut before) = (Vec::new(), String::new());
    loop {
        let page = super::server::call_with(at, "GET", &format!("/v1/tasks?limit=1000{before}"), "", "").expect(200);
        for task in page["tasks"].as_array().expect("tasks") {
            let text = |name: &str| task[name].as_str().expect("text").to_owned();
            all.push((text("id"), text("state")));
        }
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}
