//! The tasks' HTTP API over a socket: whatever a client sends, the answer is one of those that the page lists, never 500, and the server
//! goes on. The first byte chooses the call; `@i` and `@f` in what follows stand for the task and the fence that were given out last.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use skala_queue::QueueSettings;
use skala_tasks::store::MemoryStore;
use skala_tasks::{TaskClock, Tasks, TasksConfig};

/// Method, path, and what comes before the body.
const CALLS: [&str; 16] = [
    "",
    "POST /v1/queues/mail/tasks",
    "POST /v1/queues/mail/tasks?raw=true",
    "POST /v1/queues/mail/tasks:batch",
    "POST /v1/flows",
    "POST /v1/leases",
    "POST /v1/leases/ack",
    "POST /v1/leases/nack",
    "POST /v1/leases/extend",
    "POST /v1/effects",
    "GET /v1/tasks?",
    "GET /v1/tasks/@i?",
    "DELETE /v1/tasks/@i",
    "POST /v1/tasks/@i/retry",
    "GET /v1/tasks/@i/why",
    "POST /v1/queues/mail/purge",
];
/// What the page lists.
const STATUSES: [u16; 17] = [200, 201, 307, 400, 401, 404, 405, 408, 409, 411, 413, 415, 422, 429, 431, 503, 507];
const PATIENCE: Duration = Duration::from_secs(5);

static AT: OnceLock<SocketAddr> = OnceLock::new();
/// Task and fence.
static LAST: Mutex<(String, String)> = Mutex::new((String::new(), String::new()));

fn server() -> SocketAddr {
    *AT.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let queue = QueueSettings { max_tasks: 1_000, ..QueueSettings::new("mail") };
                let mut config = TasksConfig::new(vec![queue, QueueSettings::new("sms")]);
                config.listen = Some(([127, 0, 0, 1], 0).into());
                let tasks = Tasks::start(config, Box::new(MemoryStore::new()), TaskClock::system()).await.expect("it starts");
                let url = tasks.url().expect("it listens").to_owned();
                tell.send(url.trim_start_matches("http://").parse().expect("an address")).expect("somebody waits");
                std::future::pending::<()>().await;
            });
        });
        told.recv().expect("it says where")
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((call, rest)) = data.split_first() else { return };
    let (id, fence) = LAST.lock().expect("nobody panicked").clone();
    let text = String::from_utf8_lossy(rest).replace("@i", &id).replace("@f", &fence);
    let first = CALLS[usize::from(*call) % CALLS.len()].replace("@i", &id);
    let request = match first.as_str() {
        "" => rest.to_vec(),
        get if get.ends_with('?') => format!("{get}{} HTTP/1.1\r\nHost: t\r\n\r\n", text.replace([' ', '\r', '\n'], "")).into_bytes(),
        post => format!("{post} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into_bytes(),
    };
    let mut stream = TcpStream::connect(server()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    // A server that refuses early may close before it has read all.
    let _ = stream.write_all(&request).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("no end of the answer"),
        _ => {}
    }
    if !answer.is_empty() {
        check(&String::from_utf8_lossy(&answer));
    }
});

fn check(answer: &str) {
    let status: u16 = answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"));
    assert!(STATUSES.contains(&status) || status == 100, "{answer}");
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { panic!("no head: {answer}") };
    if head.contains("application/problem+json") && !body.contains("HTTP/1.1") && !body.is_empty() {
        let problem: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}"));
        assert_eq!(problem["status"], status, "{answer}");
        assert!(problem["detail"].as_str().is_some_and(|d| !d.is_empty()), "{answer}");
    }
    if let Ok(document) = serde_json::from_str::<serde_json::Value>(body) {
        let task = &document["tasks"][0];
        if let (Some(id), Some(fence)) = (task["id"].as_str(), task["fence"].as_str()) {
            *LAST.lock().expect("nobody panicked") = (id.to_owned(), fence.to_owned());
        }
    }
}
