//! Tasks of a Python application that run in Rust.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use skala_celery::{Bridge, BridgeSettings, Delivery, Failure, Outcome, Results, Work};

use crate::app::{App, PATIENCE};

fn work() -> Work {
    Arc::new(|delivery: Delivery| {
        Box::pin(async move {
            let x = delivery.task.args.first().cloned().unwrap_or_default();
            match x {
                Value::Number(n) => Outcome::Done(json!(n.as_i64().unwrap_or_default() * 2)),
                Value::String(text) if text == "panic" => panic!("on purpose"),
                Value::String(text) if text == "later" && delivery.task.retries < 2 => {
                    Outcome::Retry { after: Duration::from_millis(200), failure: Failure::new("TimeoutError", "not yet") }
                }
                Value::String(text) if text == "later" => Outcome::Done(json!(delivery.task.retries)),
                other => Outcome::Failed(Failure::new("ValueError", &format!("no number: {other}"))),
            }
        })
    })
}

fn bridge(app: &App) -> Bridge {
    let queues = vec!["rust".to_owned()];
    let settings = BridgeSettings {
        queues,
        concurrency: 4,
        max_retries: 3,
        hard_limits: true,
        routes: [("app.add".to_owned(), "celery".to_owned())].into(),
    };
    Bridge::start(app.broker(), Some(Results::new(app.broker(), PATIENCE)), settings, work())
}

async fn results_are_read_by_python(release: &str) {
    let app = App::new(release, &[]);
    let _worker = app.worker("w", &["--pool", "solo", "-Q", "celery"]).await;
    let bridge = bridge(&app);
    let before = "from celery import chain\nfrom celery.exceptions import TaskRevokedError\nimport datetime\n\
        def get(r):\n  try: return r.get(timeout=50)\n  except Exception as e: return type(e).__name__ + ': ' + str(e)\n\
        ok = double.delay(21)\n\
        bad = double.apply_async(('x',), link_error=failed.s().set(queue='celery'))\n\
        panicked = double.delay('panic')\n\
        retried = double.delay('later')\n\
        old = double.apply_async((1,), expires=datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5))\n\
        soon = double.apply_async((4,), countdown=1)\n\
        chained = chain(double.s(1), add.s(10), double.s())()\n\
        linked = double.apply_async((1,), link=double.s().set(task_id='linked'))\n\
        results = [get(r) for r in (ok, bad, panicked, retried, old, soon, chained, linked, app.AsyncResult('linked'))]";
    let found = app.eval(before, "results").await;
    assert_eq!(
        found,
        json!([
            42,
            "ValueError: no number: \"x\"",
            "RuntimeError: the task's handler panicked",
            2,
            "TaskRevokedError: expired",
            8,
            24,
            2,
            4
        ])
    );
    app.until("the error callback ran", async || app.notes().iter().any(|n| n.starts_with("failed")).then_some(())).await;
    let counts = bridge.counts();
    assert_eq!((counts.failed, counts.retried, counts.expired, counts.dead), (2, 2, 1, 0));
    bridge.stop(Duration::from_secs(5)).await;
    assert_eq!(app.redis.run(&["HLEN", "unacked"]), ":0");
}

#[tokio::test]
async fn celery_5_7_reads_results_of_the_bridge() {
    results_are_read_by_python("57").await;
}

#[tokio::test]
async fn celery_5_4_reads_results_of_the_bridge() {
    results_are_read_by_python("54").await;
}

#[tokio::test]
async fn a_bridge_that_ends_gives_back_what_it_holds() {
    let app = App::new("57", &[]);
    app.eval("double.apply_async((1,), countdown=3600)", "1").await;
    let bridge = bridge(&app);
    app.until("it is held", async || (app.redis.run(&["HLEN", "unacked"]) == ":1").then_some(())).await;
    bridge.stop(Duration::from_secs(5)).await;
    assert_eq!((app.redis.run(&["HLEN", "unacked"]), app.redis.run(&["LLEN", "rust"])), (":0".to_owned(), ":1".to_owned()));
}
