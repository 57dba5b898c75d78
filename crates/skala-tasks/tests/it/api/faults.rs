//! A disk that is full, and a second process on the same store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use skala_queue::{Change, Durability, Keep, Restored};
use skala_tasks::store::{Candidate, Leadership, Loaded, MemoryStore, Reader, Store, StoreError};
use skala_tasks::{Role, TasksConfig};
use skala_testkit::http::Client;
use skala_types::{Text, Time};

use super::server::{Server, one, queue};

/// A store whose disk can be filled.
struct Fillable {
    store: MemoryStore,
    full: Arc<AtomicBool>,
}

impl Store for Fillable {
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError> {
        self.store.lead(me, expected)
    }

    fn beat(&mut self) -> Result<(), StoreError> {
        self.store.beat()
    }

    fn resign(&mut self) -> Result<(), StoreError> {
        self.store.resign()
    }

    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError> {
        self.store.load(now, each)
    }

    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full("the test's disk is full".into()));
        }
        self.store.commit(changes, durability)
    }

    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError> {
        self.store.sweep(now, keep)
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.store.reader()
    }
}

#[test]
fn a_full_disk_refuses_new_tasks_and_loses_none() {
    let full = Arc::new(AtomicBool::new(false));
    let store = Fillable { store: MemoryStore::new(), full: Arc::clone(&full) };
    let mut config = TasksConfig::new(vec![queue("mail")]);
    config.bounds.commit_wait = Duration::from_millis(200);
    let server = Server::with(config, Box::new(store));
    let id = server.enqueue("mail", "{}");
    let taken = server.take("mail", 1);
    full.store(true, Ordering::SeqCst);
    // The one that finds out waits in vain; from then on nothing new is taken in.
    server.post("/v1/leases/ack", &one(&taken[0], r#","result":1"#)).expect(503);
    let refused = server.post("/v1/queues/mail/tasks", "{}").expect(507);
    assert!(refused["detail"].as_str().is_some_and(|d| d.contains("the test's disk is full")), "{refused}");
    full.store(false, Ordering::SeqCst);
    let ended = server.get(&format!("/v1/tasks/{id}?wait=20s"));
    let until = Instant::now() + Duration::from_secs(20);
    let mut shown = ended;
    while shown.status == 503 && Instant::now() < until {
        shown = server.get(&format!("/v1/tasks/{id}?wait=20s"));
    }
    assert_eq!(shown.expect(200)["state"], "done");
    server.enqueue("mail", "{}");
    server.stop();
}

#[test]
fn a_follower_sends_callers_to_the_leader_and_takes_over_from_it() {
    let store = MemoryStore::new();
    let config = || TasksConfig { leader_ttl: Duration::from_secs(1), ..TasksConfig::new(vec![queue("mail")]) };
    let leader = Server::with(config(), Box::new(store.again()));
    let follower = Server::with(config(), Box::new(store.again()));
    let id = leader.enqueue("mail", r#"{"body":"kept"}"#);
    let sent = follower.post("/v1/queues/mail/tasks?raw=false", "{}");
    let there = format!("{}/v1/queues/mail/tasks?raw=false", leader.tasks.url().expect("it listens"));
    assert_eq!((sent.status, sent.head.header("location")), (307, Some(there.as_str())));
    assert_eq!(follower.get("/v1/health").expect(200)["status"], "following");

    leader.stop();
    let mut role = follower.tasks.role();
    let leads = role.wait_for(|role| matches!(role, Role::Leading { .. }));
    let waited = follower.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), leads).await.is_ok() });
    assert!(waited, "it took over");
    let taken = follower.take("mail", 1);
    assert_eq!((taken[0]["id"].as_str(), taken[0]["body"].as_str()), (Some(id.as_str()), Some("kept")));
    follower.stop();
}

#[test]
fn a_leader_that_was_replaced_follows_and_acknowledges_nothing() {
    let store = MemoryStore::new();
    let config = TasksConfig { leader_ttl: Duration::from_millis(400), ..TasksConfig::new(vec![queue("mail")]) };
    let server = Server::with(config, Box::new(store.again()));
    server.enqueue("mail", "{}");
    // Another process thinks that this one is dead.
    let mut other = store.again();
    let me = Candidate { name: "other".into(), url: "http://127.0.0.1:1".into() };
    let mut expected = None;
    loop {
        match other.lead(&me, expected).expect("the store answers") {
            Leadership::Leads { .. } => break,
            Leadership::Follows { epoch, beat, .. } => expected = Some((epoch, beat)),
        }
    }
    let said = server.post("/v1/queues/mail/tasks", "{}");
    assert!(matches!(said.status, 307 | 503), "{} {}", said.status, said.doc);
    let mut role = server.tasks.role();
    let follows = role.wait_for(|role| matches!(role, Role::Following { .. }));
    let waited = server.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), follows).await.is_ok() });
    assert!(waited, "it follows");
    server.stop();
}

#[test]
fn steps_of_the_wall_clock_move_what_is_due_and_no_lease() {
    let day = Duration::from_secs(86_400);
    let server = Server::start(vec![queue("mail")]);
    let held = server.enqueue("mail", "{}");
    let taken = server.take("mail", 1);
    let later = server.enqueue("mail", r#"{"delay":"12h"}"#);
    assert!(server.take("mail", 1).is_empty());

    server.tasks.clock().step(true, day);
    let due = server.post("/v1/leases", r#"{"queues":"mail","wait":"20s"}"#).expect(200)["tasks"].clone();
    assert_eq!((due[0]["id"].as_str(), due.as_array().map(Vec::len)), (Some(later.as_str()), Some(1)), "{due}");
    server.post("/v1/leases/extend", &one(&taken[0], "")).expect(200);

    server.tasks.clock().step(false, day * 3);
    server.post("/v1/leases/ack", &one(&taken[0], r#","result":1"#)).expect(200);
    assert_eq!(server.get(&format!("/v1/tasks/{held}")).expect(200)["state"], "done");
    // What comes now is newer than all before, and is given out at once.
    let next = server.enqueue("mail", "{}");
    assert!(next > later, "{next} {later}");
    assert_eq!(server.take("mail", 1)[0]["id"].as_str(), Some(next.as_str()));
    // A pause between attempts goes by the clock that never steps.
    server.post("/v1/leases/nack", &one(&due[0], r#","error":"no""#)).expect(200);
    let again = server.post("/v1/leases", r#"{"queues":"mail","wait":"20s"}"#).expect(200);
    assert_eq!(again["tasks"][0]["id"].as_str(), Some(later.as_str()));
    server.stop();
}

#[test]
fn slow_clients_are_ended_and_hold_nobody_up() {
    let mut config = TasksConfig::new(vec![queue("mail")]);
    config.bounds.receive = (Duration::from_millis(300), Duration::from_millis(300));
    let server = Server::with(config, Box::new(MemoryStore::new()));
    let mut head = Client::connect(server.at());
    head.send("POST /v1/queues/mail/tasks HTTP/1.1\r\nHo");
    let mut body = Client::connect(server.at());
    body.send("POST /v1/queues/mail/tasks HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n{\"body\"");
    // Others are served meanwhile.
    server.enqueue("mail", "{}");
    assert_eq!(body.read_response(false).expect("it is told").status, 408);
    let rest = head.read_to_end().expect("the connection ends");
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    assert_eq!(server.take("mail", 9).len(), 1, "half a task is none");
    server.stop();
}
