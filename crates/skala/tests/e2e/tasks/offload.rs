//! `Prefer: respond-async`: a slow endpoint becomes a task.

use serde_json::Value;
use skala_testkit::http::{Client, Response};

use super::{WORKER, effects};
use crate::skala;

const PLATFORM: &str = "routes:\n  - {path: /, service: worker, async: {queue: slow}}\n";

fn slow() -> skala_testkit::skala::Skala {
    let text = format!(
        "{}services:\n  worker:\n    command: [python3, worker.py, $PORT]\n    readiness: {{httpGet: /, period: 200ms}}\n    replicas: 1\n\
         {PLATFORM}queues:\n  slow: {{deliver: {{service: worker, path: /}}, maxBody: 2Ki, retry: {{attempts: 1}}}}\n",
        super::HEAD
    );
    let skala = skala(&text);
    skala.write("worker.py", WORKER);
    skala
}

fn ask(skala: &skala_testkit::skala::Skala, request: &str) -> Response {
    Client::connect(skala.gateway()).request(request).unwrap()
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn json(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", answer.text()))
}

#[test]
fn a_request_that_may_be_answered_later_is_a_task_whose_answer_its_client_finds() {
    let mut skala = slow();
    skala.up_ready("worker", 1);
    let direct = ask(&skala, &post("/report", "", "{}"));
    assert_eq!((direct.status, json(&direct)["path"].as_str()), (200, Some("/report")));

    let answer = ask(&skala, &post("/report?x=1", "Prefer: respond-async\r\nAuthorization: Bearer mine\r\n", "{\"sleep\": 1}"));
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!((answer.header("preference-applied"), answer.header("retry-after")), (Some("respond-async"), Some("1")));
    let location = answer.header("location").unwrap().to_owned();
    let id = json(&answer)["id"].as_str().unwrap().to_owned();
    let get = |headers: &str, path: &str| ask(&skala, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
    let pending = get("", &location);
    assert_eq!(pending.status, 202, "{}", pending.text());
    let done = get("Prefer: wait=20\r\n", &location);
    assert_eq!((done.status, done.header("skala-task-status")), (200, Some("done")), "{}", done.text());
    assert_eq!(json(&done), serde_json::json!({"path": "/report?x=1", "got": {"sleep": 1}}));
    let events = get("Accept: text/event-stream\r\n", &location);
    assert!(events.text().starts_with("event: end\ndata: {"), "{}", events.text());
    // Nobody guesses addresses, and a token is not shown.
    let mut forged = location.clone();
    forged.replace_range(location.len() - 1.., if location.ends_with('0') { "1" } else { "0" });
    assert_eq!(get("", &forged).status, 404);
    assert_eq!(get("", &format!("/.skala/tasks/{id}")).status, 404);
    assert!(!skala.ok(&["tasks", "show", &id]).contains("Bearer mine"));
    assert_eq!(ask(&skala, &format!("DELETE {location} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 409, "it is done");

    let waited = ask(&skala, &post("/now", "Prefer: respond-async, wait=20\r\n", "{}"));
    assert_eq!((waited.status, json(&waited)["path"].as_str()), (200, Some("/now")), "done within the wait");
    skala.down();
}

#[test]
fn calls_off_bounds_and_keys_are_honest() {
    let mut skala = slow();
    skala.up_ready("worker", 1);
    skala.ok(&["tasks", "pause", "slow"]);
    let later = "Prefer: respond-async\r\n";
    let answer = ask(&skala, &post("/x", later, "{}"));
    let location = answer.header("location").unwrap().to_owned();
    let cancelled = ask(&skala, &format!("DELETE {location} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!((cancelled.status, json(&cancelled)["status"].as_str()), (200, Some("cancelled")));
    assert_eq!(ask(&skala, &format!("GET {location} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 410);
    assert_eq!(ask(&skala, &format!("PUT {location} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 405);
    assert_eq!(ask(&skala, &post("/x", later, &format!("\"{}\"", "a".repeat(3000)))).status, 413);
    let keyed = |who: &str| {
        let headers = format!("{later}Idempotency-Key: 7\r\nAuthorization: {who}\r\n");
        json(&ask(&skala, &post("/x", &headers, "{}")))["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(keyed("a"), keyed("a"), "the same caller gets the same task");
    assert_ne!(keyed("a"), keyed("b"), "another caller does not");
    skala.ok(&["tasks", "resume", "slow"]);
    let failed = ask(&skala, &post("/x", "Prefer: respond-async, wait=20\r\n", "{\"status\": 422}"));
    assert_eq!((failed.status, json(&failed)["error"]["cause"].as_str()), (502, Some("rejected")), "{}", failed.text());
    assert!(!effects(skala.folder()).is_empty());
    skala.down();
}
