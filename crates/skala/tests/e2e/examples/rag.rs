//! `examples/rag-ingestion`: documents are embedded by workers that come from zero, under a provider's quota and a ceiling on money.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use skala_testkit::http::Client;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::venv;
use skala_testkit::wait::until;

use super::{copy, folder};

/// Two windows of the provider's quota and all that a busy machine adds.
const WORK: Duration = Duration::from_secs(90);
/// Words of a document of 130 chunks: more than a batch.
const LONG: usize = 129 * 720 + 800;

/// The example as it runs on one machine, with Flask and gunicorn in the search path.
fn example(change: impl Fn(String) -> String) -> Skala {
    let programs = venv::programs(&folder("rag-ingestion").join("requirements.txt"), Path::new(env!("CARGO_TARGET_TMPDIR")));
    let mut skala = copy("rag-ingestion").path(&programs);
    let text = fs::read_to_string(skala.folder().join("skala.yaml")).unwrap();
    skala.write("skala.yaml", &change(format!("{text}\ntasks: {{listen: '127.0.0.1:0'}}\n")));
    skala.up_with(&["--env", "local"]);
    for service in ["web", "embeddings"] {
        until(&format!("{service} is ready"), PATIENCE, || (skala.service(service)["ready"] == 1).then_some(()));
    }
    skala
}

/// The answer of the application to a POST.
fn post(skala: &Skala, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let mut client = Client::connect(skala.gateway());
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    let answer = client.request(&format!("{head}{body}")).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("no JSON ({e}): {}", answer.text())))
}

fn get(skala: &Skala, path: &str) -> Value {
    serde_json::from_slice(&skala.get(path).body).unwrap()
}

fn document(n: usize, words: usize) -> Value {
    json!({"id": format!("d{n}"), "text": "ab ".repeat(words), "tenant": if n.is_multiple_of(2) { "acme" } else { "other" }})
}

fn stats(skala: &Skala, queue: &str) -> Value {
    skala.json(&["tasks", "stats", queue])["queues"][0].clone()
}

fn listed(skala: &Skala, queue: &str) -> Vec<Value> {
    skala.json(&["tasks", "list", "--queue", queue, "--limit", "1000"])["tasks"].as_array().unwrap().clone()
}

/// Posts 40 documents, each fifth one twice; their ids.
fn post_documents(skala: &Skala) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for n in 0..40 {
        let wanted = document(n, words(n));
        let (status, task) = post(skala, "/documents", &wanted);
        assert_eq!(status, 201, "{task}");
        if n.is_multiple_of(5) {
            let (status, again) = post(skala, "/documents", &wanted);
            assert_eq!((status, &again["id"]), (200, &task["id"]), "the same document is the same task");
        }
        ids.insert(task["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 40);
    ids
}

/// Each eighth document is longer than a batch; the others have one to three chunks.
fn words(n: usize) -> usize {
    if n.is_multiple_of(8) { LONG } else { 300 + n % 3 * 700 }
}

fn chunks(words: usize) -> u64 {
    (words.saturating_sub(80)).div_ceil(720).max(1) as u64
}

/// Each chunk of each document is there; how often they were written in all, beyond once.
fn rewritten(skala: &Skala) -> u64 {
    let one = |n| {
        let found = get(skala, &format!("/documents/d{n}"));
        assert_eq!(found["chunks"], chunks(words(n)), "{found}");
        found["writes"].as_u64().unwrap() - found["chunks"].as_u64().unwrap()
    };
    (0..40).map(one).sum()
}

#[test]
fn documents_are_embedded_once_by_workers_that_come_and_go_while_the_provider_refuses() {
    let mut skala = example(|text| text);
    assert!(skala.replicas("worker").is_empty(), "nobody asked for workers");
    let ids = post_documents(&skala);
    let (mut most, mut slowed) = (0, false);
    until("all documents are embedded", WORK, || {
        most = most.max(skala.service("worker")["ready"].as_u64().unwrap());
        let queue = stats(&skala, "ingestion");
        slowed |= queue["speed"].as_f64() < Some(1.0);
        (queue["done"] == 40).then_some(())
    });
    assert!(most >= 2, "the queue brought workers: {most}");
    assert!(slowed, "the provider's refusals slowed the queue");
    assert_eq!(rewritten(&skala), 0, "no chunk was embedded twice");
    let provider = get(&skala, "/mock/counts");
    assert_eq!((&provider["served"], &provider["largest"]), (&45.into(), &128.into()), "{provider}");
    assert!(provider["refused"].as_u64() > Some(0), "{provider}");
    let tasks = listed(&skala, "ingestion");
    assert_eq!(tasks.iter().map(|t| t["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), ids);
    for task in &tasks {
        let shown = skala.json(&["tasks", "show", task["id"].as_str().unwrap()]);
        assert!(!shown.to_string().contains("at once on one instance"), "{shown}");
        assert_eq!((&shown["state"], &shown["losses"]), (&"done".into(), &0.into()), "{shown}");
    }
    nightly(&skala);
    agents(&skala);
    until("no worker is left", PATIENCE, || skala.replicas("worker").is_empty().then_some(()));
    skala.down();
}

/// The schedule shows its times with their offsets, and refreshes three documents when it is run by hand.
fn nightly(skala: &Skala) {
    let next = skala.ok(&["schedules", "next", "nightly"]);
    let times: Vec<&str> = next.lines().filter(|l| l.contains("T02:00:00+0")).collect();
    assert_eq!(times.len(), 5, "{next}");
    skala.ok(&["schedules", "run", "nightly"]);
    until("three documents are refreshed", WORK, || (stats(skala, "ingestion")["done"] == 43).then_some(()));
    let refreshed: BTreeSet<String> = listed(skala, "ingestion")
        .iter()
        .filter(|t| t["schedule"] == "nightly")
        .map(|t| skala.json(&["tasks", "show", t["id"].as_str().unwrap()])["result"]["refreshed"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(refreshed.len(), 3, "each another document");
    let wanted: u64 = refreshed.iter().map(|d| chunks(words(d[1..].parse().unwrap()))).sum();
    assert!(rewritten(skala) >= wanted, "{refreshed:?}");
    assert!(skala.ok(&["schedules", "history", "nightly"]).contains("manual"));
}

/// Steps run one at a time per instance, and one that takes too long dies of it.
fn agents(skala: &Skala) {
    for n in 0..5 {
        let (status, _) = post(skala, "/questions", &json!({"session": n, "question": "why?"}));
        assert_eq!(status, 201);
    }
    let (_, slow) = post(skala, "/questions", &json!({"session": 5, "question": "when?", "seconds": 60}));
    let slow = slow["id"].as_str().unwrap();
    let ended = get(skala, &format!("/tasks/{slow}?wait=20s"));
    assert_eq!(ended["state"], "dead", "{ended}");
    until("the others are done", PATIENCE, || (stats(skala, "agents")["done"] == 5).then_some(()));
    let quick = listed(skala, "agents").into_iter().filter(|t| t["id"] != slow);
    assert!(quick.into_iter().all(|t| t["attempts"] == 1), "never two steps at once on one instance");
    let dead = skala.ok(&["tasks", "dead"]);
    assert!(dead.contains(slow) && dead.contains("longer than its time limit"), "{dead}");
    assert!(skala.ok(&["logs", "worker"]).contains("aborted at its time limit"));
}

#[test]
fn a_ceiling_parks_what_it_does_not_allow_and_says_so() {
    let mut skala = example(|text| text.replace("budget: 30 EUR/h", "budget: 0.02 EUR/day"));
    for n in 0..3 {
        assert_eq!(post(&skala, "/documents", &document(n, LONG)).0, 201);
    }
    until("one is embedded, the others are parked", WORK, || {
        let queue = stats(&skala, "ingestion");
        (queue["done"] == 1 && queue["parked"] == 2).then_some(())
    });
    let parked = skala.json(&["tasks", "list", "--queue", "ingestion", "--phase", "parked"]);
    let parked = parked["tasks"].as_array().unwrap();
    assert_eq!(parked.len(), 2);
    let why = skala.ok(&["why", parked[0]["id"].as_str().unwrap()]);
    assert!(why.contains("parked") && why.contains("0.02"), "{why}");
    until("the ceiling is an event", PATIENCE, || (!skala.events("worker", "parked").is_empty()).then_some(()));
    assert_eq!(stats(&skala, "ingestion")["dead"], 0, "nothing fails");
    skala.down();
}
