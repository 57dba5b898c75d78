//! A real RabbitMQ.

use serde_json::{Value, json};
use skala_signals::Error;
use skala_testkit::servers::Rabbitmq;
use skala_testkit::wait;

use crate::{Looks, SOON, look};

#[test]
fn reads_queues() {
    let mut rabbitmq = Rabbitmq::start();
    let host = format!("http://{}", rabbitmq.management());
    let entry = |by: &str| json!({"rabbitmq": {"host": host, "queue": "a/b c", "by": by}});
    let missing = look(entry("depth")).unwrap_err();
    assert!(matches!(&missing, Error::Missing { what, .. } if what.contains("a/b c")), "{missing}");

    rabbitmq.api("PUT", "/api/queues/%2F/a%2Fb%20c", r#"{"durable": true}"#);
    let publish = r#"{"properties": {"delivery_mode": 2}, "routing_key": "a/b c", "payload": "x", "payload_encoding": "string"}"#;
    for _ in 0..6 {
        rabbitmq.api("POST", "/api/exchanges/%2F/amq.default/publish", publish);
    }
    let mut looks = Looks::new();
    let mut until = |by: &str, expected: f64| {
        wait::until(by, SOON, || looks.look(entry(by)).ok().filter(|s| s.value == expected));
    };
    until("depth", 6.0);
    until("ready", 6.0);
    until("unacked", 0.0);
    // Published, and nobody takes them: rates, and what cannot be divided by them.
    let active = wait::until("the rate is back to nothing", SOON, || look(entry("publishRate")).ok().filter(|s| s.value == 0.0));
    assert_eq!(active.activity, 6.0, "the backlog wakes");
    assert_eq!(look(entry("deliverRate")).unwrap().value, 0.0);
    assert_eq!(look(entry("publishedToDelivered")).unwrap().value, 0.0);
    assert!(look(entry("consumptionTime")).unwrap_err().wakes());
    rabbitmq.api("POST", "/api/exchanges/%2F/amq.default/publish", publish);
    wait::until("a rate is seen", SOON, || look(entry("publishRate")).ok().filter(|s| s.value > 0.0));
    rabbitmq.api("POST", "/api/queues/%2F/a%2Fb%20c/get", r#"{"count": 7, "ackmode": "ack_requeue_false", "encoding": "auto"}"#);
    until("depth", 0.0);

    // Users.
    let with = |user: Value, password: Value, host: &str| {
        look(json!({"rabbitmq": {"host": host, "queue": "a/b c", "username": user, "password": password}}))
    };
    assert_eq!(with(json!("guest"), json!("guest"), &host).unwrap().value, 0.0);
    let in_url = host.replace("http://", "http://guest:guest@");
    assert_eq!(with(Value::Null, Value::Null, &in_url).unwrap().value, 0.0);
    let error = with(json!("guest"), json!("hunter2"), &host).unwrap_err();
    assert!(matches!(error, Error::Login { .. }) && !error.to_string().contains("hunter2"), "{error}");
    let elsewhere = look(json!({"rabbitmq": {"host": host, "vhost": "staging", "queue": "a/b c"}}));
    assert!(matches!(elsewhere, Err(Error::Missing { .. })));

    rabbitmq.kill();
    assert!(matches!(looks.look(entry("depth")), Err(Error::Reach { .. })));
    rabbitmq.restart();
    wait::until("RabbitMQ has figures again", SOON, || looks.look(entry("depth")).ok().filter(|s| s.value == 0.0));
}
