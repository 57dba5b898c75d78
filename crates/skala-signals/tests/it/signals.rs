//! Watching many sources.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use skala_runtime::Clock;
use skala_signals::{Entry, Error, Signals};
use skala_testkit::http::{Backend, Then};
use skala_testkit::servers::{Kafka, Redis};
use skala_testkit::wait;

use crate::{SOON, runtime, source};

const POLL: Duration = Duration::from_millis(100);

fn entry(name: &str, at: Value) -> Entry {
    Entry { name: name.to_owned(), source: source(at), poll: POLL, target: None }
}

/// Answers with how often it was asked, or with 503 while `sick`.
fn counter(sick: &Arc<AtomicBool>) -> Backend {
    let (asked, sick) = (AtomicU32::new(0), Arc::clone(sick));
    Backend::start(move |stream, _| {
        let n = asked.fetch_add(1, Ordering::SeqCst).to_string();
        let status = if sick.load(Ordering::SeqCst) { "503 Busy" } else { "200 OK" };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{n}", n.len())?;
        Ok(Then::Keep)
    })
}

fn url(server: &Backend) -> Value {
    json!({"http": {"url": format!("http://{}", server.addr())}})
}

#[test]
fn the_latest_number_is_there_and_failures_are_counted() {
    let runtime = runtime();
    let sick = Arc::new(AtomicBool::new(false));
    let server = counter(&sick);
    let clock = Clock::system();
    let signals = Signals::start(runtime.handle(), vec![entry("n", url(&server))], clock.clone());
    assert!(signals.read("other").is_none());
    let first = wait::until("a number", SOON, || signals.read("n").unwrap().fresh());
    wait::until("a newer number", SOON, || signals.read("n").unwrap().fresh().filter(|n| *n > first));
    let reading = signals.read("n").unwrap();
    assert!(reading.age(clock.now()).unwrap() < Duration::from_secs(5) && reading.failures == 0);

    sick.store(true, Ordering::SeqCst);
    let failed = wait::until("failures", SOON, || signals.read("n").filter(|r| r.failures >= 3));
    assert!(matches!(&failed.error, Some((Error::Refused { .. }, at)) if *at > failed.at.unwrap()));
    assert_eq!((failed.fresh(), failed.is_active(0.0)), (None, None));
    let last = failed.sample.as_ref().unwrap().value;
    sick.store(false, Ordering::SeqCst);
    let back = wait::until("a number again", SOON, || signals.read("n").filter(|r| r.fresh().is_some()));
    assert!(back.failures == 0 && back.error.is_none() && back.sample.unwrap().value > last);
    runtime.block_on(signals.stop());
}

#[test]
fn equal_sources_are_read_once_and_updates_keep_what_stays() {
    let runtime = runtime();
    let healthy = Arc::new(AtomicBool::new(false));
    let (one, two) = (counter(&healthy), counter(&healthy));
    let signals = Signals::start(runtime.handle(), vec![entry("a", url(&one)), entry("b", url(&one))], Clock::system());
    wait::until("two looks", SOON, || (one.received().len() >= 2).then_some(()));
    let names: Vec<String> = signals.readings().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(signals.observe().iter().map(|s| s.name.to_string()).collect::<Vec<_>>(), names);
    assert_eq!(one.connections(), 1);
    wait::until("both names have a number", SOON, || signals.readings().iter().all(|(_, r)| r.sample.is_some()).then_some(()));

    // The source stays under another name: its number is there at once.
    signals.update(vec![entry("c", url(&one)), entry("d", url(&two))]);
    assert!(signals.read("a").is_none());
    assert!(signals.read("c").unwrap().sample.is_some());
    wait::until("the new one", SOON, || signals.read("d").unwrap().fresh());

    // Of two entries with one name the later counts.
    signals.update(vec![entry("d", url(&one)), entry("c", url(&one)), entry("d", url(&two))]);
    assert_eq!(signals.readings().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["d", "c"]);
    wait::until("the later one", SOON, || signals.read("d").unwrap().fresh());

    // What nobody reads any more is not asked any more.
    signals.update(vec![entry("d", url(&two))]);
    wait::until("a last look ends", SOON, || {
        let before = one.received().len();
        std::thread::sleep(POLL * 3);
        (one.received().len() == before).then_some(())
    });
    runtime.block_on(signals.stop());
    let asked = two.received().len();
    wait::throughout("nobody is asked after the end", POLL * 4, || two.received().len() == asked);
}

#[test]
fn a_hanging_server_delays_nobody() {
    let runtime = runtime();
    let redis = Redis::start();
    let silent = Backend::raw(|stream, _| std::io::Read::read_to_end(stream, &mut Vec::new()).map(drop));
    let mut entries: Vec<Entry> = (0..40)
        .map(|n| entry(&format!("hang{n}"), json!({"http": {"url": format!("http://{}/{n}", silent.addr()), "timeout": "30s"}})))
        .collect();
    entries.push(entry("list", json!({"redis": {"address": redis.address(), "list": "l"}})));
    let signals = Signals::start(runtime.handle(), entries, Clock::system());
    wait::until("the list's length", Duration::from_secs(5), || signals.read("list").unwrap().fresh());
    redis.run(&["RPUSH", "l", "a", "b"]);
    wait::until("the new length", Duration::from_secs(5), || signals.read("list").unwrap().fresh().filter(|n| *n == 2.0));
    assert!(signals.read("hang0").unwrap().sample.is_none());
    // Stopping does not wait for the hanging ones.
    let begun = std::time::Instant::now();
    runtime.block_on(signals.stop());
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn kafkas_lag_is_capped_by_the_target() {
    let runtime = runtime();
    let mut kafka = Kafka::start(1, Path::new(env!("CARGO_TARGET_TMPDIR")));
    kafka.produce("t", 0, 90);
    let at = json!({"kafka": {"brokers": [kafka.broker()], "group": "g", "topics": ["t"], "offsetReset": "earliest"}});
    let with = |name: &str, target| Entry { target, ..entry(name, at.clone()) };
    let signals = Signals::start(runtime.handle(), vec![with("whole", None), with("ten", Some(10.0))], Clock::system());
    wait::until("the lag", SOON, || signals.read("whole").unwrap().fresh());
    // Four partitions keep four replicas busy, whatever waits.
    let values: Vec<f64> = signals.observe().iter().map(|s| s.value.unwrap().value).collect();
    assert_eq!(values, [90.0, 40.0]);
    runtime.block_on(signals.stop());
}
