//! Replicas that are killed under load: no GET fails.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use skala_testkit::processes;
use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use crate::{api, skala};

#[test]
fn no_get_fails_while_replicas_are_killed() {
    let mut skala = skala(&api("replicas: 3\nrestart: {initial: 50ms}"));
    skala.up_ready("api", 3);
    let url = format!("http://{}/sleep?ms=20", skala.gateway());
    thread::scope(|scope| {
        let load = scope.spawn(|| skala.load(&url, &["--rate", "100", "--duration", "20s"]));
        let begun = Instant::now();
        for kill in 1..=3u32 {
            let at = Duration::from_secs(5) * kill;
            let victim = until("it is time and a replica serves", PATIENCE, || {
                if begun.elapsed() < at || skala.service("api")["ready"] != 3 {
                    return None;
                }
                skala.replicas("api")[kill as usize - 1]["pid"].as_u64()
            });
            processes::signal(u32::try_from(victim).unwrap(), Signal::SIGKILL);
        }
        let report = load.join().unwrap();
        assert_eq!(report["failed"]["total"], 0, "{:#}", report["failed"]);
        assert_eq!(report["dropped"], 0);
        assert!(report["ok"].as_u64() > Some(1500), "{report:#}");
    });
    assert_eq!(skala.events("api", "exited").len(), 3);
    skala.await_ready("api", 3);
}
