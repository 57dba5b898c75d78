//! `examples/gunicorn`: a real gunicorn from the Python package registry.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use skala_testkit::http::Client;
use skala_testkit::skala::{PATIENCE, Skala};
use skala_testkit::wait::until;
use skala_testkit::{processes, venv};

use super::{copy, folder};
use crate::secs;

/// The example with gunicorn in the search path.
fn example() -> Skala {
    let programs = venv::programs(&folder("gunicorn").join("requirements.txt"), Path::new(env!("CARGO_TARGET_TMPDIR")));
    copy("gunicorn").path(&programs)
}

#[test]
fn load_across_scale_ups_and_scale_downs() {
    let mut skala = example();
    skala.up_ready("web", 2);
    let answer = skala.get("/search?ms=1");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (search, documents) =
        (format!("http://{}/search?ms=30", skala.gateway()), format!("http://{}/documents", skala.gateway()));
    thread::scope(|scope| {
        let gets = scope.spawn(|| skala.load(&search, &["--rate", "20", "--duration", "14s"]));
        let post = ["--rate", "5", "--duration", "14s", "-X", "POST", "--body", "a document"];
        let (all, url) = (&skala, documents.as_str());
        let posts = scope.spawn(move || all.load(url, &post));
        for size in [4, 2, 3, 2] {
            skala.ok(&["scale", &format!("web={size}")]);
            skala.await_ready("web", size);
        }
        for report in [gets.join().unwrap(), posts.join().unwrap()] {
            assert_eq!((&report["failed"]["total"], &report["dropped"]), (&0.into(), &0.into()), "{:#}", report["failed"]);
            assert!(report["ok"].as_u64() > Some(40));
        }
    });
    skala.down();
}

#[test]
fn a_killed_master_takes_its_workers_along_and_is_replaced() {
    let mut skala = example();
    skala.up_ready("web", 2);
    let master = u32::try_from(skala.replicas("web")[0]["pid"].as_u64().unwrap()).unwrap();
    let workers = |of: u32| skala.processes().into_iter().filter(|p| p.parent == of).map(|p| p.pid).collect::<Vec<_>>();
    let orphans = until("three workers", PATIENCE, || Some(workers(master)).filter(|w| w.len() == 3));
    processes::signal(master, Signal::SIGKILL);
    until("the workers are gone", secs(10), || {
        let alive = skala.processes();
        orphans.iter().all(|pid| alive.iter().all(|p| p.pid != *pid)).then_some(())
    });
    until("it is replaced", PATIENCE, || (skala.replicas("web")[0]["restarts"] == 1).then_some(()));
    skala.await_ready("web", 2);
    assert_eq!(skala.get("/search?ms=1").status, 200);
    skala.down();
}

#[test]
fn running_requests_finish_when_a_replica_is_taken_away_and_when_all_end() {
    let mut skala = example();
    skala.up_ready("web", 2);
    let slow = |ms: u32| {
        let mut client = Client::connect(skala.gateway());
        client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        client.send(format!("GET /search?ms={ms} HTTP/1.1\r\nHost: x\r\n\r\n"));
        client
    };
    // Four slow requests: both replicas have some, so the one that is taken away has, too.
    let mut clients: Vec<_> = (0..4).map(|_| slow(3000)).collect();
    until("all are in service", PATIENCE, || (skala.service("web")["inFlight"] == 4).then_some(()));
    assert!(skala.replicas("web").iter().all(|r| r["inFlight"].as_u64() > Some(0)), "{:?}", skala.replicas("web"));
    skala.ok(&["scale", "web=1"]);
    until("one drains", PATIENCE, || skala.replicas("web").iter().any(|r| r["phase"] == "draining").then_some(()));
    for client in &mut clients {
        assert_eq!(client.read_response(false).expect("a running request finishes").status, 200);
    }
    until("it is gone", PATIENCE, || (skala.replicas("web").len() == 1).then_some(()));
    let mut last = slow(2000);
    until("the last is in service", PATIENCE, || (skala.service("web")["inFlight"] == 1).then_some(()));
    skala.signal(Signal::SIGTERM);
    assert_eq!(last.read_response(false).expect("a running request finishes").status, 200);
    assert!(skala.wait().success(), "{}", skala.said());
    let stopped = skala.events("web", "stopped");
    assert!(stopped.iter().all(|text| text == "ended by itself"), "{stopped:?}");
}

/// Requests over connections of their own, each at a gap just around gunicorn's keep-alive of two seconds.
fn around_two_seconds(gateway: SocketAddr, client: u64, requests: u64, method: &str) -> Vec<u16> {
    let mut connection = Client::connect(gateway);
    let mut statuses = Vec::new();
    for n in 0..requests {
        // 1.8 s to 2.3 s, another one for each client and request.
        let gap = Duration::from_millis(1800 + (client * 7919 + n * 104_729) % 500);
        thread::sleep(if n == 0 { Duration::from_millis(client * 13 % 500) } else { gap });
        let (path, body) = if method == "POST" { ("/documents", "hi") } else { ("/search?ms=5", "") };
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
        statuses.push(connection.request(&request).expect("an answer").status);
    }
    statuses
}

/// Runs the example with workers that keep connections for two seconds, and with skala's `keepAlive`.
fn no_race(keep_alive: &str, method: &str) {
    let mut skala = example().env("GUNICORN_CMD_ARGS", "--worker-class gthread --threads 4 --keep-alive 2");
    let text = std::fs::read_to_string(skala.folder().join("skala.yaml")).unwrap();
    let text =
        text.replace("keepAlive: 1500ms", &format!("keepAlive: {keep_alive}")).replace("concurrency: 3", "concurrency: 12");
    skala.write("skala.yaml", &text);
    skala.up_ready("web", 2);
    let gateway = skala.gateway();
    let clients: Vec<_> = (0..60)
        .map(|client| {
            let method = method.to_owned();
            thread::spawn(move || around_two_seconds(gateway, client, 5, &method))
        })
        .collect();
    let statuses: Vec<u16> = clients.into_iter().flat_map(|c| c.join().unwrap()).collect();
    let bad: Vec<_> = statuses.iter().filter(|s| !(200..300).contains(*s)).collect();
    assert!(bad.is_empty(), "{} of {}: {bad:?}", bad.len(), statuses.len());
    assert_eq!(statuses.len(), 300);
    skala.down();
}

#[test]
fn the_keep_alive_race_is_not_run() {
    no_race("1500ms", "POST");
}

#[test]
fn the_keep_alive_race_is_survived_when_the_file_asks_for_it() {
    no_race("1m", "GET");
}
