//! A real NATS server.

use serde_json::{Value, json};
use skala_signals::Error;
use skala_testkit::servers::Nats;

use crate::{Looks, look, value};

fn entry(nats: &Nats, stream: &str, consumer: &str) -> Value {
    json!({"nats": {"url": nats.monitoring(), "stream": stream, "consumer": consumer}})
}

#[test]
fn counts_what_a_consumer_has_yet_to_finish() {
    let mut nats = Nats::start();
    assert!(matches!(look(entry(&nats, "JOBS", "workers")), Err(Error::Missing { .. })));
    let made = nats.request("$JS.API.STREAM.CREATE.JOBS", r#"{"name":"JOBS","subjects":["jobs.*"],"storage":"file"}"#);
    assert!(!made.contains("error"), "{made}");
    for n in 0..5 {
        nats.request("jobs.new", &format!("job {n}"));
    }
    // No consumer yet: everything that was ever in the stream.
    assert_eq!(value(entry(&nats, "JOBS", "workers")), 5.0);
    let consumer = r#"{"stream_name":"JOBS","config":{"durable_name":"workers","ack_policy":"explicit"}}"#;
    let made = nats.request("$JS.API.CONSUMER.DURABLE.CREATE.JOBS.workers", consumer);
    assert!(!made.contains("error"), "{made}");
    assert_eq!(value(entry(&nats, "JOBS", "workers")), 5.0);
    // One is given out and not acknowledged: it still counts.
    assert_eq!(nats.request("$JS.API.CONSUMER.MSG.NEXT.JOBS.workers", ""), "job 0");
    assert_eq!(value(entry(&nats, "JOBS", "workers")), 5.0);
    nats.request("jobs.new", "job 5");
    assert_eq!(value(entry(&nats, "JOBS", "workers")), 6.0);
    assert!(matches!(look(entry(&nats, "OTHER", "workers")), Err(Error::Missing { what, .. }) if what.contains("OTHER")));
    let other = json!({"nats": {"url": nats.monitoring(), "account": "x&y", "stream": "JOBS", "consumer": "c"}});
    assert!(matches!(look(other), Err(Error::Missing { .. })));

    let mut looks = Looks::new();
    assert_eq!(looks.look(entry(&nats, "JOBS", "workers")).unwrap().value, 6.0);
    nats.kill();
    assert!(matches!(looks.look(entry(&nats, "JOBS", "workers")), Err(Error::Reach { .. })));
    nats.restart();
    assert_eq!(looks.look(entry(&nats, "JOBS", "workers")).unwrap().value, 6.0);
}
