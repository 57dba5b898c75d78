//! Scale-ups and scale-downs under load: no request fails, no POST is lost or doubled, no stream is cut.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use skala_testkit::http::Client;
use skala_testkit::wait::throughout;

use crate::{api, skala};

const CHANGES: usize = 20;

/// Streams of about two seconds, one after the other, until told to stop; how many were whole.
fn streams(gateway: std::net::SocketAddr, done: &AtomicBool) -> usize {
    let mut whole = 0;
    while !done.load(Ordering::SeqCst) {
        let mut client = Client::connect(gateway);
        let answer = client.request("GET /stream?chunks=40&ms=50 HTTP/1.1\r\nHost: x\r\n\r\n").expect("a stream is not cut");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text().matches("\"chunk\":").count(), 40, "{}", answer.text());
        whole += 1;
    }
    whole
}

#[test]
fn nothing_fails_while_replicas_come_and_go() {
    let mut skala = skala(&api("autoscaling: {maxReplicas: 6, metrics: [{concurrency: 50}]}\ndrain: 60s"));
    skala.up_ready("api", 1);
    let base = format!("http://{}", skala.gateway());
    let done = AtomicBool::new(false);
    let load = |path: &str, rate: &str, method: &str| {
        let url = format!("{base}{path}");
        // Longer than the changes can take; ended by Ctrl-C when they are over.
        let args =
            ["load", &url, "--rate", rate, "--duration", "60s", "-X", method, "--body", "a body of a request", "-o", "json"];
        skala.run(&args)
    };
    let reports = thread::scope(|scope| {
        let gets = scope.spawn(|| load("/sleep?ms=20", "60", "GET"));
        let posts = scope.spawn(|| load("/echo", "20", "POST"));
        let streaming: Vec<_> = (0..3).map(|_| scope.spawn(|| streams(skala.gateway(), &done))).collect();
        for change in 0..CHANGES {
            let size: u64 = [4, 1, 3, 2][change % 4];
            skala.ok(&["scale", &format!("api={size}")]);
            skala.await_ready("api", size);
            // Some requests and a part of each stream meet every size.
            throughout("the size stays", Duration::from_millis(600), || skala.service("api")["desired"] == size);
        }
        done.store(true, Ordering::SeqCst);
        for stream in streaming {
            assert!(stream.join().expect("no stream fails") > 2);
        }
        for process in skala.processes().iter().filter(|p| p.command.contains(" load http://")) {
            skala_testkit::processes::signal(process.pid, nix::sys::signal::Signal::SIGINT);
        }
        [gets.join().unwrap(), posts.join().unwrap()]
    });
    for ran in reports {
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        assert_eq!(report["failed"]["total"], 0, "{:#}", report["failed"]);
        assert!(report["ok"].as_u64() > Some(100), "{report:#}");
    }
    assert!(skala.events("api", "scaled").len() > CHANGES);
    skala_testkit::wait::until("drained replicas are gone", Duration::from_secs(70), || {
        (skala.replicas("api").len() == 2).then_some(())
    });
    let killed: Vec<_> = skala.events("api", "stopped").into_iter().filter(|text| text.contains("killed")).collect();
    assert!(killed.is_empty(), "{killed:?}");
}
