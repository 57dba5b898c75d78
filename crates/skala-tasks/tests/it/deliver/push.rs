//! Push over real sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use expect_test::{Expect, expect};
use skala_balance::{EndpointId, Outcome, Settings};
use skala_queue::{Label, QueueId, QueueSettings};
use skala_runtime::{Clock, Station};
use skala_tasks::deliver::push::{Push, PushRoute};
use skala_testkit::http::{Backend, Received, Then};
use skala_types::ReplicaId;

use super::fake::{Fake, PATIENCE};

struct World {
    tasks: Arc<Fake>,
    station: Arc<Station>,
    push: Push,
}

impl World {
    fn new(again: u32, concurrency: Option<u32>, change: impl FnOnce(&mut QueueSettings)) -> World {
        let tasks = Fake::new(again, change);
        let station = Station::new("worker".into(), Settings { concurrency, ..Settings::default() }, Clock::system(), 1);
        let route = PushRoute { queue: QueueId(0), path: "/tasks/ingest".into() };
        let push = Push::start(Arc::clone(&tasks), Arc::clone(&station), vec![route]);
        World { tasks, station, push }
    }

    fn replica(&self, number: u64, addr: SocketAddr) -> EndpointId {
        self.station.add_endpoint(ReplicaId(number), addr, 1.0, true)
    }
}

fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> std::io::Result<Then> {
    let length = body.len();
    stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}").as_bytes())?;
    Ok(Then::Keep)
}

/// A replica that answers each task as its body says: `200 OK|Header: value|body`.
fn obedient() -> Backend {
    Backend::start(|stream, received: Received| {
        let body = String::from_utf8_lossy(&received.body).into_owned();
        let mut parts = body.splitn(3, '|');
        let (status, header, body) = (parts.next().unwrap(), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
        answer(stream, status, &header, body)
    })
}

async fn check(order: &str, want: Expect) {
    let backend = obedient();
    let world = World::new(0, None, |_| {});
    world.replica(1, backend.addr());
    world.tasks.put(order);
    let told = world.tasks.told(1).await;
    want.assert_eq(&format!("{} {:?}", told.join("; "), world.tasks.slowed()));
}

#[tokio::test]
async fn each_class_of_answers_has_its_meaning() {
    check("200 OK|Content-Type: application/json|[1, 2]", expect!["1 done [1, 2] []"]).await;
    check("200 OK|Skala-Cost: 0.25|plain", expect![[r#"1 done "plain" for 250000 []"#]]).await;
    check("204 No Content", expect!["1 done nothing []"]).await;
    check("500 Internal Server Error||no database", expect!["1 Failed: answered 500 Internal Server Error: no database []"])
        .await;
    check("404 Not Found", expect!["1 Failed: answered 404 Not Found []"]).await;
    check("422 Unprocessable Entity||no url", expect!["1 Rejected: answered 422 Unprocessable Entity: no url []"]).await;
    check("429 Too Many Requests|Retry-After: 7|", expect!["1 Limited after 7s: answered 429 Too Many Requests [Some(7s)]"])
        .await;
    check("503 Service Unavailable", expect!["1 Limited: answered 503 Service Unavailable [None]"]).await;
    check("301 Moved Permanently|Location: /elsewhere|", expect!["1 Failed: answered 301 Moved Permanently []"]).await;
}

#[tokio::test]
async fn what_is_no_answer_has_its_meaning_too() {
    let check = |answer: &'static [u8], want: &'static str| async move {
        let backend = Backend::raw(move |stream, _| {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head)?;
            stream.write_all(answer)
        });
        let world = World::new(0, None, |_| {});
        world.replica(1, backend.addr());
        world.tasks.put("{}");
        let told = world.tasks.told(1).await;
        assert!(told[0].contains(want), "{told:?}");
    };
    check(b"nonsense\r\n\r\n", "Failed: its answer is no HTTP").await;
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "Lost: the connection to its replica ended before the answer")
        .await;
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", "Rejected: answered 200 with more than 1048576 bytes").await;
}

#[tokio::test]
async fn a_replica_learns_which_task_it_has_by_everybodys_names() {
    let backend = obedient();
    let world = World::new(0, None, |_| {});
    world.replica(3, backend.addr());
    let headers = [("traceparent".to_owned(), "00-1-2-01".to_owned())].into();
    world.tasks.put_with("200 OK", Label { name: "ingest".into(), headers, ..Label::default() });
    world.tasks.told(1).await;
    let received = backend.received().remove(0);
    assert!(received.head.starts_with("POST /tasks/ingest HTTP/1.1\r\n"), "{}", received.head);
    let names = ["idempotency-key", "skala-task-id", "skala-attempt", "x-cloudtasks-taskname", "ce-id", "ce-type", "traceparent"];
    let values = names.map(|name| received.header(name).unwrap_or("none").to_owned());
    let id = "0000000000001";
    assert_eq!(values, [id, id, "1", id, id, "ingest", "00-1-2-01"]);
    assert_eq!(world.tasks.workers(), ["worker-3"]);
}

#[tokio::test]
async fn connections_are_kept_and_one_that_the_replica_closed_costs_no_attempt() {
    let world = World::new(0, None, |settings| settings.per_instance = Some(1));
    let backend = Backend::start(|stream, received| {
        answer(stream, "200 OK", "", "1")?;
        Ok(if received.nth == 4 { Then::Close } else { Then::Keep })
    });
    world.replica(1, backend.addr());
    for count in 1..=15 {
        world.tasks.put("{}");
        let told = world.tasks.told(count).await;
        assert!(told.iter().all(|end| end.ends_with("done 1")), "{told:?}");
    }
    assert_eq!((backend.received().len(), backend.connections()), (15, 3));
}

#[tokio::test]
async fn a_task_whose_replica_dies_runs_again_elsewhere_at_once() {
    let world = World::new(1, None, |settings| settings.lease = Duration::from_secs(3600));
    let (begun, has_begun) = mpsc::channel();
    let dying = Backend::start(move |_, _| {
        begun.send(()).unwrap();
        std::thread::sleep(PATIENCE); // its connection is cut meanwhile
        Ok(Then::Close)
    });
    let id = world.replica(1, dying.addr());
    world.tasks.put("{}");
    tokio::task::spawn_blocking(move || has_begun.recv_timeout(PATIENCE).unwrap()).await.unwrap();
    let healthy = Backend::fixed("7");
    world.replica(2, healthy.addr());
    world.station.set_ready(id, false);
    tokio::task::spawn_blocking(move || dying.kill()).await.unwrap();
    let told = world.tasks.told(2).await;
    assert!(told[0].starts_with("1 Lost: the connection to its replica ended before the answer"), "{told:?}");
    assert_eq!(told[1], "1 done 7");
    assert_eq!(healthy.received().remove(0).header("skala-losses"), Some("1"));
}

#[tokio::test]
async fn a_refused_connection_counts_as_no_attempt_and_another_replica_is_asked() {
    let world = World::new(0, None, |_| {});
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.replica(1, nobody);
    world.tasks.put("200 OK||1");
    assert_eq!(world.tasks.told(1).await, ["1 unbegun"]);
    let backend = obedient();
    world.replica(2, backend.addr());
    let told = world.tasks.until_done().await;
    assert_eq!(told.last().unwrap(), "1 done 1");
    assert!(told.len() <= 4, "an endpoint that refuses is passed over for a while: {told:?}");
}

#[tokio::test]
async fn without_replicas_tasks_stay_in_their_queue_and_go_out_when_one_comes() {
    let world = World::new(0, None, |_| {});
    world.tasks.put_many(5, "200 OK");
    tokio::task::yield_now().await;
    assert_eq!((world.tasks.waiting(), world.push.running()), (5, 0));
    let backend = obedient();
    world.replica(1, backend.addr());
    world.tasks.told(5).await;
}

/// A replica that works until it is told to go on, and counts how much it does at once.
struct Slow {
    backend: Backend,
    most: Arc<AtomicUsize>,
}

impl Slow {
    fn new(each: Duration) -> Slow {
        let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&most);
        let backend = Backend::start(move |stream, _| {
            counted.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(each);
            now.fetch_sub(1, Ordering::SeqCst);
            answer(stream, "200 OK", "", "")
        });
        Slow { backend, most }
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_replica_ever_has_more_than_its_queue_allows() {
    let world = World::new(0, None, |settings| settings.per_instance = Some(2));
    let replicas: Vec<Slow> = (0..3).map(|_| Slow::new(Duration::from_millis(3))).collect();
    for (number, replica) in (1..).zip(&replicas) {
        world.replica(number, replica.backend.addr());
    }
    world.tasks.put_many(120, "{}");
    world.tasks.told(120).await;
    assert_eq!(world.tasks.most_at_once(), [2, 2, 2]);
    assert!(replicas.iter().all(|replica| replica.most() <= 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_and_requests_share_a_replicas_places() {
    let world = World::new(0, Some(3), |_| {});
    let slow = Slow::new(Duration::from_millis(5));
    world.replica(1, slow.backend.addr());
    let requests = [world.station.try_admit().unwrap(), world.station.try_admit().unwrap()];
    world.tasks.put_many(10, "{}");
    world.tasks.told(10).await;
    assert_eq!(slow.most(), 1, "two of three places were held by requests");
    requests.into_iter().for_each(|lease| lease.finish(Outcome::Status(200)));
    world.tasks.put_many(30, "{}");
    world.tasks.told(40).await;
    assert!((2..=3).contains(&slow.most()), "{}", slow.most());
    let totals = world.station.totals();
    assert_eq!((totals.arrivals, totals.completions), (42, 42));
}

#[tokio::test]
async fn a_draining_replica_finishes_what_it_has_and_gets_nothing_new() {
    let world = World::new(0, None, |settings| settings.per_instance = Some(1));
    let slow = Slow::new(Duration::from_millis(100));
    let id = world.replica(1, slow.backend.addr());
    world.tasks.put("{}");
    world.tasks.until_leased(1).await;
    world.station.drain(id);
    world.tasks.put("{}");
    assert_eq!(world.station.load(), (0, 1), "the drain waits for it");
    assert_eq!(world.tasks.told(1).await, ["1 done nothing"]);
    let other = obedient();
    world.replica(2, other.addr());
    world.tasks.told(2).await;
    assert_eq!((slow.backend.received().len(), world.station.load()), (1, (0, 0)));
}

/// A replica that never answers, and says when its connection is closed.
fn silent() -> (Backend, mpsc::Receiver<()>) {
    let (closed, is_closed) = mpsc::channel();
    let backend = Backend::raw(move |stream, _| {
        let mut part = [0; 4096];
        while stream.read(&mut part)? > 0 {}
        closed.send(()).map_err(std::io::Error::other)
    });
    (backend, is_closed)
}

async fn closes(is_closed: mpsc::Receiver<()>) {
    tokio::task::spawn_blocking(move || is_closed.recv_timeout(PATIENCE).unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_attempt_past_timeout_and_grace_is_broken_off() {
    let short = Duration::from_millis(60);
    let world = World::new(0, None, |settings| (settings.timeout, settings.grace) = (short, short));
    let (backend, is_closed) = silent();
    world.replica(1, backend.addr());
    let begun = std::time::Instant::now();
    world.tasks.put("{}");
    let told = world.tasks.told(1).await;
    assert!(told[0].starts_with("1 Timeout: no answer by "), "{told:?}");
    assert!(begun.elapsed() >= 2 * short, "the connection is kept for the grace");
    closes(is_closed).await;
}

#[tokio::test]
async fn a_called_off_task_is_broken_off_and_leases_are_extended_until_then() {
    let world = World::new(0, None, |settings| settings.lease = Duration::from_millis(150));
    let (backend, is_closed) = silent();
    world.replica(1, backend.addr());
    let id = world.tasks.put("{}");
    world.tasks.until_extended(4).await;
    world.tasks.cancel(id);
    assert_eq!(world.tasks.told(1).await, ["1 Failed: it was called off"]);
    closes(is_closed).await;
}

#[tokio::test]
async fn an_attempt_whose_lease_is_gone_stops_and_says_nothing() {
    let world = World::new(0, None, |settings| settings.lease = Duration::from_millis(150));
    let (backend, is_closed) = silent();
    world.replica(1, backend.addr());
    let id = world.tasks.put("{}");
    world.tasks.until_extended(1).await;
    world.tasks.void(id);
    closes(is_closed).await;
    assert_eq!(world.tasks.ended(), [""; 0]);
    assert_eq!(world.station.load(), (0, 0));
}

#[tokio::test]
async fn stopping_waits_for_what_runs_and_hands_back_the_rest() {
    let world = World::new(0, None, |_| {});
    let (silent, is_closed) = silent();
    world.replica(1, silent.addr());
    world.tasks.put("{}");
    world.tasks.until_leased(1).await;
    world.push.stop(Duration::from_millis(20)).await;
    assert_eq!(world.tasks.ended(), ["1 unbegun"]);
    assert_eq!(world.tasks.waiting(), 1);
    closes(is_closed).await;
}

#[tokio::test]
async fn few_tasks_spread_over_all_replicas() {
    let world = World::new(0, None, |_| {});
    let replicas: Vec<Slow> = (0..4).map(|_| Slow::new(Duration::from_millis(50))).collect();
    for (number, replica) in (1..).zip(&replicas) {
        world.station.add_endpoint(ReplicaId(number), replica.backend.addr(), 1.0, false);
    }
    world.tasks.put_many(8, "{}");
    world.station.endpoints().iter().for_each(|e| world.station.set_ready(e.endpoint.id, true));
    world.tasks.told(8).await;
    let counts: Vec<usize> = replicas.iter().map(|replica| replica.backend.received().len()).collect();
    assert_eq!(counts, [2, 2, 2, 2]);
}
