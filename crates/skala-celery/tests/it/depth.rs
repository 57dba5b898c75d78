//! True depth: what waits, what workers have, what is delayed, how old.

use std::time::Duration;

use serde_json::json;
use skala_celery::{CeleryQueueStats, WatchSettings, Watcher};

use crate::app::{App, PATIENCE};

fn watcher(app: &App) -> Watcher {
    let queues = vec!["celery".to_owned(), "email".to_owned()];
    let interval = Duration::from_millis(100);
    Watcher::start(app.broker(), WatchSettings { interval, ask: interval, ..WatchSettings::new(queues) })
}

/// Looks until the queue is as `what` says.
async fn seen(watcher: &mut Watcher, queue: &str, what: impl Fn(&CeleryQueueStats) -> bool) -> CeleryQueueStats {
    let wait = async {
        loop {
            watcher.looked().await;
            if let Some(stats) = watcher.stats(queue).filter(&what) {
                return stats;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(stats) => stats,
        Err(_) => panic!("not seen: {:?}", watcher.view()),
    }
}

#[tokio::test]
async fn depth_counts_priorities_running_prefetched_and_delayed() {
    let app = App::new("57", &[("PREFETCH", "4")]);
    let send = "for n in range(6): slow.apply_async((60,), priority=n)\n\
                add.apply_async((1, 2), countdown=3600)\nadd.apply_async((1, 2), countdown=20)\nmail.delay('x')";
    app.eval(send, "1").await;
    let mut watcher = watcher(&app);
    let before = seen(&mut watcher, "celery", |s| s.ready == 8).await;
    assert_eq!(before.ready_by_step, [(0, 5), (3, 3), (6, 0), (9, 0)]);
    assert_eq!((before.leased, before.running), (0, None));
    assert!(before.age_is_at_least && before.oldest_age.is_some());
    let _worker = app.worker("w", &["--pool", "prefork", "-c", "1", "-Q", "celery"]).await;
    // One runs and three wait in the worker; each task with an ETA raises the prefetch count by one.
    let after =
        seen(&mut watcher, "celery", |s| s.running == Some(1) && s.delayed == 1 && s.due_soon == 1 && s.leased == 4).await;
    assert_eq!((after.ready, after.prefetched, after.estimated), (2, Some(3), false));
    let email = watcher.stats("email").unwrap();
    assert_eq!((email.ready, email.leased), (1, 0));
    let view = watcher.view();
    assert_eq!((view.workers[0].name.as_str(), view.workers[0].running, view.workers[0].pool), ("w@test", 1, Some(1)));
}

#[tokio::test]
async fn tasks_that_are_acknowledged_early_are_seen_while_they_run() {
    let app = App::new("54", &[("LATE", "0")]);
    app.eval("slow.delay(60)", "1").await;
    let _worker = app.worker("w", &["--pool", "prefork", "-c", "1"]).await;
    let mut watcher = watcher(&app);
    let stats = seen(&mut watcher, "celery", |s| s.running == Some(1)).await;
    assert_eq!((stats.ready, stats.leased, stats.prefetched), (0, 1, Some(0)));
    assert_eq!(app.redis.run(&["HLEN", "unacked"]), ":0", "Redis alone does not know it");
}

#[tokio::test]
async fn a_restart_of_redis_is_shown_and_survived() {
    let mut app = App::new("57", &[]);
    let mut watcher = watcher(&app);
    seen(&mut watcher, "celery", |_| true).await;
    app.redis.kill();
    let failed = async {
        while watcher.view().error.is_none() {
            watcher.looked().await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("the failure is shown");
    assert!(watcher.stats("celery").is_some(), "the last numbers stay");
    app.redis.restart();
    app.redis.run(&["LPUSH", "celery", "x"]);
    seen(&mut watcher, "celery", |s| s.ready == 1).await;
    assert_eq!(watcher.view().error, None);
}

#[tokio::test]
async fn a_million_messages_cost_a_look_no_more_than_ten() {
    let app = App::new("57", &[]);
    let fill = "for i = 1, 1000000 do redis.call('LPUSH', KEYS[1], 'message-' .. i) end return redis.call('LLEN', KEYS[1])";
    assert_eq!(app.redis.run(&["EVAL", fill, "1", "celery"]), ":1000000");
    let mut watcher = watcher(&app);
    seen(&mut watcher, "celery", |s| s.ready == 1_000_000).await;
    app.redis.run(&["LPUSH", "celery", "newest"]);
    let stats = seen(&mut watcher, "celery", |s| s.ready == 1_000_001).await;
    assert!(stats.arrival_rate.is_some_and(|rate| rate > 0.0), "{stats:?}");
    assert_eq!(stats.ready_by_step[0], (0, 1_000_001));
    assert_eq!(json!(stats.oldest_age.is_some()), json!(true));
}
