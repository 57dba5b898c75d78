//! Messages both ways: skala sends and a worker runs; the application sends and skala reads.

use serde_json::{Value, json};
use skala_celery::message::{Envelope, Problem, Task};
use skala_celery::{Consumer, NewMessage, Producer, Results, State};

use crate::app::{App, PATIENCE};

fn add(x: i64, y: i64, priority: u8) -> NewMessage {
    let task = Task { args: vec![json!(x), json!(y)], ..Task::new("", "app.add") };
    NewMessage { task, queue: "celery".to_owned(), priority }
}

async fn a_worker_runs_what_skala_sends(release: &str, settings: &[(&str, &str)], pool: &[&str]) {
    let app = App::new(release, settings);
    let producer = Producer::new(app.broker(), "skala@test");
    let mut messages: Vec<NewMessage> = (0..10).map(|n| add(n, n, u8::try_from(n).unwrap())).collect();
    let fail = Task { args: vec![json!("on purpose")], ..Task::new("", "app.fail") };
    messages.push(NewMessage { task: fail, queue: "celery".to_owned(), priority: 0 });
    let ids = producer.send(messages).await.unwrap();
    let _worker = app.worker("w", pool).await;
    let results = Results::new(app.broker(), PATIENCE);
    for (n, id) in ids.iter().enumerate() {
        let meta = app.until("a result", async || results.get(id).await.ok().filter(|m| m.state.is_final())).await;
        match meta.failure {
            None => assert_eq!((meta.state, meta.result), (State::Success, json!(2 * n))),
            Some(failure) => {
                assert_eq!((n, failure.class.as_str(), failure.message.as_str()), (10, "ValueError", "on purpose"));
                assert!(failure.traceback.is_some_and(|t| t.contains("app.py")));
            }
        }
    }
}

#[tokio::test]
async fn celery_5_7_runs_what_skala_sends() {
    let settings = [("STEPS", "0,5"), ("PREFIX", "app_"), ("RESULT_COMPRESSION", "gzip")];
    a_worker_runs_what_skala_sends("57", &settings, &["--pool", "prefork", "-c", "2"]).await;
}

#[tokio::test]
async fn celery_5_4_runs_what_skala_sends() {
    a_worker_runs_what_skala_sends("54", &[], &["--pool", "solo"]).await;
}

async fn reads_what_celery_sends(release: &str, settings: &[(&str, &str)]) {
    let app = App::new(release, settings);
    let send = "add.apply_async((1, 2), {}, task_id='late', priority=9)\nadd.apply_async((3, 4), {}, task_id='first', priority=0)\n\
                mail.apply_async(('a@b',), task_id='mail', expires=3600)";
    app.eval(send, "1").await;
    let consumer = Consumer::new(app.broker(), vec!["celery".to_owned(), "email".to_owned()]);
    let taken = consumer.take(10).await.unwrap();
    let ids: Vec<&str> = taken.deliveries.iter().map(|d| d.task.id.as_str()).collect();
    assert_eq!(ids, ["first", "mail", "late"], "by priority, over all queues");
    assert_eq!(taken.deliveries[0].task.args, [json!(3), json!(4)]);
    assert_eq!(app.redis.run(&["HLEN", &app.broker().layout().unacked()]), ":3");
    consumer.ack(&taken.deliveries[0]).await.unwrap();
    consumer.requeue(&taken.deliveries[1]).await.unwrap();
    consumer.bury(&taken.deliveries[2], "no reason").await.unwrap();
    assert_eq!(app.redis.run(&["HLEN", &app.broker().layout().unacked()]), ":0");
    assert_eq!(app.redis.run(&["LLEN", &app.broker().layout().dead("celery")]), ":1");
    assert_eq!(consumer.take(10).await.unwrap().deliveries[0].task.id, "mail");
}

#[tokio::test]
async fn skala_reads_what_celery_5_7_sends_compressed() {
    reads_what_celery_sends("57", &[("COMPRESSION", "gzip"), ("PREFIX", "app_")]).await;
}

#[tokio::test]
async fn skala_reads_what_celery_5_4_sends_in_protocol_1() {
    reads_what_celery_sends("54", &[("PROTOCOL", "1")]).await;
}

#[tokio::test]
async fn pickle_and_nonsense_go_to_the_dead_letter_list_and_chords_stay() {
    let app = App::new("57", &[]);
    let send = "from celery import chord\nadd.apply_async((1, 2), serializer='pickle')\nchord([add.s(1, 1)])(mail.s())";
    app.eval(send, "1").await;
    app.redis.run(&["LPUSH", "celery", "{\"no\": \"envelope\"}"]);
    let consumer = Consumer::new(app.broker(), vec!["celery".to_owned()]);
    let taken = consumer.take(10).await.unwrap();
    assert_eq!((taken.deliveries.len(), taken.dead, taken.left), (0, vec![Problem::Pickle], 1));
    assert_eq!((app.redis.run(&["LLEN", "celery.dead"]), app.redis.run(&["LLEN", "celery"])), (":2".to_owned(), ":1".to_owned()));
    assert_eq!(app.redis.run(&["HLEN", "unacked"]), ":0");
}

#[tokio::test]
async fn what_skala_writes_looks_as_what_celery_writes() {
    let app = App::new("57", &[]);
    app.eval("add.apply_async((1, 2), task_id='a')", "1").await;
    Producer::new(app.broker(), "skala@test").send(vec![add(1, 2, 0)]).await.unwrap();
    let consumer = Consumer::new(app.broker(), vec!["celery".to_owned()]);
    let taken = consumer.take(2).await.unwrap().deliveries;
    let shape = |envelope: &Envelope| -> Vec<String> {
        let Ok(Value::Object(map)) = serde_json::from_slice(&envelope.encode()) else { panic!("an envelope is an object") };
        let inner = ["headers", "properties"].iter().flat_map(|part| map[*part].as_object().unwrap().keys());
        let mut keys: Vec<String> = map.keys().chain(inner).filter(|k| !k.starts_with("skala-")).cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(shape(&taken[0].envelope), shape(&taken[1].envelope));
    assert_eq!(taken[0].task.args, taken[1].task.args);
}
