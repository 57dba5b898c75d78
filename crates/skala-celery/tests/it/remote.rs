//! Remote control of real workers.

use std::time::Duration;

use serde_json::Value;
use skala_celery::Remote;

use crate::app::App;

async fn orders(release: &str) {
    let app = App::new(release, &[]);
    let worker = app.worker("w", &["--pool", "prefork", "-c", "1"]).await;
    let remote = Remote::new(app.broker(), Duration::from_secs(5));
    let only = std::slice::from_ref(&worker.name);
    let pool = async || {
        let stats = remote.stats().await.unwrap();
        stats.by_worker[&worker.name]["pool"]["processes"].as_array().map(Vec::len)
    };
    assert_eq!(pool().await, Some(1));
    remote.pool_grow(2, only).await.unwrap();
    app.until("the pool has grown", async || (pool().await == Some(3)).then_some(())).await;
    remote.pool_shrink(2, only).await.unwrap();
    app.until("the pool has shrunk", async || (pool().await == Some(1)).then_some(())).await;

    let queues = async || {
        let queues = remote.active_queues().await.unwrap().by_worker.remove(&worker.name).unwrap_or_default();
        let names = queues.as_array().into_iter().flatten().filter_map(|q| q["name"].as_str().map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    remote.cancel_consumer("email", None).await.unwrap();
    app.until("the queue is paused", async || (!queues().await.contains(&"email".to_owned())).then_some(())).await;
    remote.add_consumer("email", Some(only)).await.unwrap();
    app.until("the queue is resumed", async || queues().await.contains(&"email".to_owned()).then_some(())).await;

    let id = app.eval("r = slow.delay(60)", "r.id").await;
    let running = async || {
        let active = remote.active().await.unwrap();
        active.by_worker.get(&worker.name).and_then(Value::as_array).map_or(0, Vec::len)
    };
    app.until("it runs", async || (running().await == 1).then_some(())).await;
    remote.revoke(id.as_str().unwrap(), true).await.unwrap();
    app.until("it was ended", async || (running().await == 0).then_some(())).await;

    let ghost = ["nobody@test".to_owned()];
    let quick = Remote::new(app.broker(), Duration::from_millis(100));
    assert_eq!(quick.ask("ping", serde_json::json!({}), Some(&ghost)).await.unwrap().deaf, ghost);
    remote.shutdown(only).await.unwrap();
    let gone = async || quick.ping().await.ok().filter(|r| r.reached == 0).map(|_| ());
    app.until("it has ended", gone).await;
}

#[tokio::test]
async fn celery_5_7_obeys() {
    orders("57").await;
}

#[tokio::test]
async fn celery_5_4_obeys() {
    orders("54").await;
}
