//! Leases: kept while a worker lives, given back when it does not.

use std::time::Duration;

use nix::sys::signal::Signal;
use skala_celery::{HeartbeatSettings, WatchSettings, Watcher};
use skala_testkit::processes;

use crate::app::App;

fn watcher(app: &App, dead_after: Duration) -> Watcher {
    let heartbeat = HeartbeatSettings { dead_after, ..HeartbeatSettings::default() };
    let interval = Duration::from_millis(200);
    let settings = WatchSettings::new(vec!["celery".to_owned()]);
    Watcher::start(app.broker(), WatchSettings { interval, ask: interval, heartbeat: Some(heartbeat), ..settings })
}

/// How often a task of nine seconds begins with two workers and a visibility timeout of three seconds.
async fn begins(heartbeat: bool) -> usize {
    let app = App::new("57", &[("VISIBILITY", "3")]);
    let _watcher = heartbeat.then(|| watcher(&app, Duration::from_secs(30)));
    let _first = app.worker("a", &["--pool", "prefork", "-c", "1"]).await;
    let _second = app.worker("b", &["--pool", "prefork", "-c", "1"]).await;
    app.eval("slow.delay(9)", "1").await;
    let ends = |text: &str| app.notes().iter().filter(|n| n.starts_with(text)).count();
    app.until("it has ended", async || (ends("end") > 0).then_some(())).await;
    ends("begin")
}

#[tokio::test]
async fn a_task_longer_than_the_visibility_timeout_runs_once_with_the_heartbeat() {
    let (with, without) = tokio::join!(begins(true), begins(false));
    assert_eq!(with, 1);
    assert!(without > 1, "Celery alone runs it {without} times");
}

#[tokio::test]
async fn tasks_of_a_killed_worker_run_again_within_seconds() {
    let app = App::new("57", &[]);
    let watcher = watcher(&app, Duration::from_secs(1));
    let mut first = app.worker("a", &["--pool", "solo"]).await;
    let id = app.eval("r = slow.delay(30)", "r.id").await;
    let began = format!("begin {}", id.as_str().unwrap());
    let begins = || app.notes().iter().filter(|n| **n == began).count();
    app.until("it has begun", async || (begins() == 1).then_some(())).await;
    let _second = app.worker("b", &["--pool", "solo"]).await;
    // A solo worker is silent while it runs: its task must not be given back for that.
    assert_eq!(watcher.view().leases.restored, 0);
    first.kill();
    let killed = std::time::Instant::now();
    app.until("it has begun again", async || (begins() == 2).then_some(())).await;
    println!("run again {:?} after the worker was killed", killed.elapsed());
    assert_eq!(watcher.view().leases.restored, 1);
}

#[tokio::test]
async fn a_supervisors_word_gives_tasks_back_at_once_and_a_poison_task_dies() {
    let app = App::new("54", &[("PREFETCH", "1")]);
    let watcher = watcher(&app, Duration::from_secs(3600));
    app.eval("slow.delay(60)", "1").await;
    let begins = || app.notes().iter().filter(|n| n.starts_with("begin")).count();
    for attempt in 1..=4 {
        let mut worker = app.worker("w", &["--pool", "prefork", "-c", "1"]).await;
        app.until("it has begun", async || (begins() == attempt).then_some(())).await;
        let known = async || watcher.view().workers.iter().any(|w| w.pid == Some(worker.pid()) && w.running == 1).then_some(());
        app.until("the worker and its task are known", known).await;
        worker.kill();
        watcher.process_died(worker.pid());
        let taken = |leases: skala_celery::LeaseCounts| leases.restored + leases.dead;
        app.until("it was taken back", async || (taken(watcher.view().leases) == attempt as u64).then_some(())).await;
    }
    assert_eq!((watcher.view().leases.restored, watcher.view().leases.dead), (3, 1));
    assert_eq!(
        (app.redis.run(&["LLEN", "celery.dead"]), app.redis.run(&["HLEN", "unacked"])),
        (":1".to_owned(), ":0".to_owned())
    );
}

#[tokio::test]
async fn a_worker_that_ends_in_order_finishes_its_task_alone() {
    for (release, pool) in [("57", "prefork"), ("54", "solo")] {
        let app = App::new(release, &[("VISIBILITY", "4")]);
        let watcher = watcher(&app, Duration::from_secs(1));
        let first = app.worker("a", &["--pool", pool, "-c", "1"]).await;
        let _second = app.worker("b", &["--pool", pool, "-c", "1", "-Q", "email"]).await;
        app.eval("slow.delay(8)", "1").await;
        let count = |text: &str| app.notes().iter().filter(|n| n.starts_with(text)).count();
        app.until("it has begun", async || (count("begin") == 1).then_some(())).await;
        let third = app.worker("c", &["--pool", pool, "-c", "1"]).await;
        processes::signal(first.pid(), Signal::SIGTERM);
        app.until("it has ended", async || (count("end") == 1).then_some(())).await;
        drop(third);
        assert_eq!((count("begin"), watcher.view().leases.restored), (1, 0), "{release} {pool}");
    }
}

#[tokio::test]
async fn workers_that_share_a_name_keep_their_tasks() {
    let app = App::new("57", &[("VISIBILITY", "3")]);
    let watcher = watcher(&app, Duration::from_secs(1));
    let _first = app.worker("same", &["--pool", "prefork", "-c", "1"]).await;
    let _second = app.worker("same", &["--pool", "prefork", "-c", "1"]).await;
    app.eval("slow.delay(7)\nslow.delay(7)", "1").await;
    let count = |text: &str| app.notes().iter().filter(|n| n.starts_with(text)).count();
    app.until("both have ended", async || (count("end") == 2).then_some(())).await;
    assert_eq!((count("begin"), watcher.view().leases.restored), (2, 0));
}
