//! Waiting: for tasks, for ends, for events.

use std::thread;
use std::time::{Duration, Instant};

use skala_testkit::http::Client;

use super::server::{Server, call_on, call_with, one, queue};

/// Longer than any test should take: a wait that is not ended by what it waits for fails by this.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_waiting_worker_gets_a_task_as_soon_as_it_comes_and_one_task_wakes_one() {
    let server = Server::start(vec![queue("mail")]);
    let at = server.at();
    let began = Instant::now();
    let workers: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(move || {
                let ask = r#"{"queues":["mail"],"wait":"30s"}"#;
                call_with(at, "POST", "/v1/leases", "", ask).expect(200)["tasks"].as_array().expect("tasks").len()
            })
        })
        .collect();
    for n in 0..8 {
        server.enqueue("mail", &format!("{{\"body\":{n}}}"));
    }
    let got: Vec<usize> = workers.into_iter().map(|w| w.join().expect("it ends")).collect();
    assert_eq!(got, [1; 8]);
    assert!(began.elapsed() < LONG);
    server.stop();
}

#[test]
fn a_worker_that_went_away_while_it_waited_takes_nothing_with_it() {
    let server = Server::start(vec![queue("mail")]);
    let ask = r#"{"queues":["mail"],"wait":"30s"}"#;
    let request = format!("POST /v1/leases HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{ask}", ask.len());
    let mut gone = Client::connect(server.at());
    gone.send(request);
    let waiting = || server.tasks.metrics().contains("skala_tasks_waiting_takes 1");
    wait_for(waiting);
    drop(gone);
    wait_for(|| !waiting());
    server.enqueue("mail", "{}");
    assert_eq!(server.take("mail", 1).len(), 1);
    server.stop();
}

#[test]
fn a_delayed_task_wakes_a_waiting_worker_when_it_falls_due() {
    let server = Server::start(vec![queue("mail")]);
    let began = Instant::now();
    server.enqueue("mail", r#"{"delay":"300ms"}"#);
    assert!(server.take("mail", 1).is_empty());
    let got = server.post("/v1/leases", r#"{"queues":["mail"],"wait":"30s"}"#).expect(200);
    assert_eq!(got["tasks"].as_array().map(Vec::len), Some(1));
    assert!((Duration::from_millis(300)..LONG).contains(&began.elapsed()), "{:?}", began.elapsed());
    server.stop();
}

#[test]
fn a_lost_lease_comes_back_within_one_and_a_half_leases() {
    let server = Server::start(vec![queue("mail")]);
    server.enqueue("mail", "{}");
    let ask = r#"{"queues":["mail"],"wait":"30s","lease":"1s"}"#;
    let first = server.post("/v1/leases", ask).expect(200);
    let began = Instant::now();
    let second = server.post("/v1/leases", ask).expect(200);
    assert_eq!((second["tasks"][0]["losses"].as_u64(), second["tasks"][0]["attempt"].as_u64()), (Some(1), Some(1)));
    assert!(began.elapsed() < LONG);
    server.post("/v1/leases/ack", &one(&first["tasks"][0], "")).expect(409);
    server.stop();
}

#[test]
fn whoever_waits_for_an_end_is_told_of_it() {
    let server = Server::start(vec![queue("mail")]);
    let id = server.enqueue("mail", "{}");
    let at = server.at();
    let path = format!("/v1/tasks/{id}?wait=30s");
    let began = Instant::now();
    let waits = thread::spawn(move || call_with(at, "GET", &path, "", "").expect(200));
    let taken = server.take("mail", 1);
    server.post("/v1/leases/ack", &one(&taken[0], r#","result":"well""#)).expect(200);
    let shown = waits.join().expect("it ends");
    assert_eq!((shown["state"].as_str(), shown["result"].as_str()), (Some("done"), Some("well")));
    assert!(began.elapsed() < LONG);
    let still = server.enqueue("mail", "{}");
    assert_eq!(server.get(&format!("/v1/tasks/{still}?wait=50ms")).expect(200)["state"], "ready");
    server.stop();
}

#[test]
fn events_tell_progress_and_end_then_the_stream_ends() {
    let server = Server::start(vec![queue("mail")]);
    let id = server.enqueue("mail", "{}");
    let mut stream = Client::connect(server.at());
    stream.send(format!("GET /v1/tasks/{id}/events HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"));
    let mut seen = String::new();
    read_until(&mut stream, &mut seen, "text/event-stream");
    read_until(&mut stream, &mut seen, "event: state");
    let taken = server.take("mail", 1);
    read_until(&mut stream, &mut seen, "\"leased\"");
    server.post("/v1/leases/progress", &one(&taken[0], r#","progress":"half""#)).expect(200);
    read_until(&mut stream, &mut seen, "event: progress\ndata: {\"progress\":\"half\"}");
    server.post("/v1/leases/ack", &one(&taken[0], "")).expect(200);
    let rest = String::from_utf8_lossy(&stream.read_to_end().expect("it ends")).into_owned();
    assert!(rest.contains("event: end") && rest.contains("\"done\""), "{rest}");
    server.stop();
}

#[test]
fn events_tell_that_a_delayed_task_fell_due() {
    let server = Server::start(vec![queue("mail")]);
    let id = server.enqueue("mail", r#"{"delay":"300ms"}"#);
    let mut stream = Client::connect(server.at());
    stream.send(format!("GET /v1/tasks/{id}/events HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"));
    let mut seen = String::new();
    read_until(&mut stream, &mut seen, "\"ready\"");
    assert!(seen.contains("\"delayed\""), "{seen}");
    server.stop();
}

#[test]
fn paths_may_come_in_percent_encoding() {
    let server = Server::start(vec![queue("mail")]);
    let id = server.post("/v1/queues/m%61il/tasks%3Abatch", r#"{"tasks":[{}]}"#).expect(201)["tasks"][0]["id"].clone();
    let id = id.as_str().expect("an id");
    assert_eq!(server.get(&format!("/v1/tasks/%{:02x}{}", id.as_bytes()[0], &id[1..])).expect(200)["id"], id);
    server.get("/v1/queues/ma%2Fil").expect(404);
    server.stop();
}

#[test]
fn a_connection_is_kept_for_many_calls() {
    let server = Server::start(vec![queue("mail")]);
    let mut client = Client::connect(server.at());
    for n in 0..50 {
        call_on(&mut client, "POST", "/v1/queues/mail/tasks", "", &format!("{{\"body\":{n}}}")).expect(201);
    }
    assert_eq!(server.take("mail", 128).len(), 50);
    server.stop();
}

#[test]
fn a_drained_instance_gets_nothing_new_until_it_may_again() {
    let server = Server::start(vec![queue("mail")]);
    server.enqueue("mail", "{}");
    server.tasks.drain_instance(7, true);
    let ask = r#"{"queues":"mail","instance":7,"worker":"w"}"#;
    assert_eq!(server.post("/v1/leases", ask).expect(200)["tasks"].as_array().map(Vec::len), Some(0));
    server.tasks.drain_instance(7, false);
    assert_eq!(server.post("/v1/leases", ask).expect(200)["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(server.tasks.held_by(7).0, 1);
    server.stop();
}

/// Reads on until a text has come. The first events may have come along with the head.
fn read_until(stream: &mut Client, seen: &mut String, text: &str) {
    while !seen.contains(text) {
        let read = stream.read_exact(1).unwrap_or_else(|e| panic!("{e} before {text}: {seen}"));
        seen.push_str(&String::from_utf8_lossy(&read));
    }
}

fn wait_for(condition: impl Fn() -> bool) {
    let until = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < until, "it did not come about");
        thread::sleep(Duration::from_millis(5));
    }
}
