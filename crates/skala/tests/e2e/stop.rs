//! The ways to end: SIGTERM, Ctrl-C, `down`, and a second Ctrl-C for those who cannot wait.

use std::time::Instant;

use nix::sys::signal::Signal;
use skala_testkit::http::Client;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::until;

use crate::{api, secs, skala};

fn in_flight(skala: &Skala, path: &str) -> Client {
    let mut client = Client::connect(skala.gateway());
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
    until("the request is in service", PATIENCE, || (skala.service("api")["inFlight"] == 1).then_some(()));
    client
}

#[test]
fn running_requests_finish_whichever_signal_ends_it() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut skala = skala(&api("replicas: 2"));
        skala.up_ready("api", 2);
        let mut client = in_flight(&skala, "/sleep?ms=2000");
        skala.signal(signal);
        let answer = client.read_response(false).expect("the request finishes");
        assert_eq!((answer.status, answer.text().as_str()), (200, "slept\n"));
        assert_eq!(answer.header("connection"), Some("close"), "{}", answer.head);
        assert_eq!(skala.wait().code(), Some(0), "{}", skala.said());
        assert!(skala.said().contains("every replica has ended"), "{}", skala.said());
        until("no process is left", secs(5), || skala.processes().is_empty().then_some(()));
        assert!(!skala.state_dir().join("instance.json").exists());
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let mut skala = skala(&api("drain: 10m"));
    skala.up_ready("api", 1);
    let _client = in_flight(&skala, "/sleep?ms=600000");
    skala.signal(Signal::SIGINT);
    until("it says that it ends", PATIENCE, || skala.said().contains("Ctrl-C kills them").then_some(()));
    let begun = Instant::now();
    skala.signal(Signal::SIGINT);
    assert!(skala.wait().code().is_some(), "{}", skala.said());
    assert!(begun.elapsed() < secs(10), "it took {:?}", begun.elapsed());
    until("no process is left", secs(5), || skala.processes().is_empty().then_some(()));
}

#[test]
fn a_replica_that_ignores_sigterm_is_killed_after_its_drain_time() {
    let script = "trap '' TERM; skala backend & wait; sleep 1000";
    let text = api("drain: 1s").replace("[skala, backend, --port, $PORT]", &format!("[sh, -c, \"{script}\"]"));
    let mut skala = skala(&text);
    skala.up_ready("api", 1);
    let begun = Instant::now();
    let down = skala.run(&["down"]);
    assert_eq!(down.code, Some(0), "{down:?}");
    assert!((secs(1)..secs(10)).contains(&begun.elapsed()), "it took {:?}", begun.elapsed());
    skala.wait();
    until("no process is left", secs(5), || skala.processes().is_empty().then_some(()));
    assert_eq!(skala.events("api", "stopped"), ["had to be killed"]);
}
