//! Tasks end to end: queues, workers of each kind, requests that become tasks, the verbs.

mod faults;
mod kill;
mod offload;
mod pull;
mod push;
mod store;
mod verbs;

use std::path::Path;

use serde_json::Value;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::until;

use crate::skala;

/// A worker that notes each task's id in the file `effects`, and answers with the body that it got. `{"sleep": s}` takes so long,
/// `{"status": n}` is refused with that status, `{"die": true}` ends the process at once.
const WORKER: &str = r#"
import http.server, json, os, sys, time
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self): self.answer(200, b"ok")
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        got = json.loads(body or b"null")
        want = got if isinstance(got, dict) else {}
        if want.get("die") and self.headers.get("Skala-Losses") == "0":
            print("last words of", os.getpid(), flush=True)
            os._exit(7)
        time.sleep(want.get("sleep", 0))
        with open("effects", "a") as f: f.write(self.headers.get("Skala-Task-Id", "-") + "\n")
        self.answer(want.get("status", 200), json.dumps({"path": self.path, "got": got}).encode())
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"#;

/// What every platform with tasks begins with.
const HEAD: &str =
    "platform: test\ngateway: {listen: '127.0.0.1:0'}\nadmin: {listen: '127.0.0.1:0'}\ntasks: {listen: '127.0.0.1:0'}\n";

/// A platform whose service `worker` gets the tasks of the queue `work` by POST; with further lines for each.
fn pushed(worker: &str, queue: &str, more: &str) -> Skala {
    let text = format!(
        "{HEAD}services:\n  worker:\n    command: [python3, worker.py, $PORT]\n    readiness: {{httpGet: /, period: 200ms}}\n    drain: 5s\n    \
         {worker}\nqueues:\n  work: {{deliver: {{service: worker, path: /work}}, {queue}}}\n{more}"
    );
    let skala = skala(&text);
    skala.write("worker.py", WORKER);
    skala
}

/// A queue's numbers.
#[track_caller]
fn queue(skala: &Skala, name: &str) -> Value {
    skala.json(&["tasks", "stats", name])["queues"][0].clone()
}

/// Waits until so many tasks of the queue are done.
#[track_caller]
fn await_done(skala: &Skala, name: &str, n: u64) {
    until(&format!("{n} tasks of {name} are done"), PATIENCE, || (queue(skala, name)["done"] == n).then_some(()));
}

/// Ids in the file of effects, in order, repetitions included.
fn effects(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("effects")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Writes a file of so many tasks.
fn batch(skala: &Skala, n: usize, line: impl Fn(usize) -> String) {
    let lines: Vec<String> = (0..n).map(line).collect();
    skala.write("batch.ndjson", &lines.join("\n"));
}

/// Ids that `tasks enqueue` printed.
fn ids(document: &Value) -> Vec<String> {
    let tasks = document["tasks"].as_array().expect("enqueue answers with tasks");
    tasks.iter().map(|task| task["id"].as_str().expect("a task has an id").to_owned()).collect()
}
