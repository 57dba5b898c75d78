//! A real Redis.

use serde_json::{Value, json};
use skala_signals::Error;
use skala_testkit::servers::Redis;

use crate::{Looks, look, value};

fn at(redis: &Redis, key: Value) -> Value {
    let mut entry = json!({"redis": {"address": redis.address()}});
    entry["redis"].as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
    entry
}

#[test]
fn counts_what_keys_hold() {
    let redis = Redis::start();
    redis.run(&["RPUSH", "jobs", "a", "b", "c"]);
    redis.run(&["SADD", "seen", "a", "b"]);
    redis.run(&["ZADD", "due", "1", "a"]);
    redis.run(&["HSET", "map", "a", "1", "b", "2", "c", "3", "d", "4"]);
    for (key, expected) in [
        (json!({"list": "jobs"}), 3.0),
        (json!({"set": "seen"}), 2.0),
        (json!({"sortedSet": "due"}), 1.0),
        (json!({"hash": "map"}), 4.0),
        (json!({"list": "nothing"}), 0.0),
        (json!({"list": "jobs", "database": 1}), 0.0),
    ] {
        assert_eq!(value(at(&redis, key.clone())), expected, "{key}");
    }
    let error = look(at(&redis, json!({"set": "jobs"}))).unwrap_err();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("WRONGTYPE")), "{error}");
    assert!(matches!(look(at(&redis, json!({"list": "jobs", "database": 4000}))), Err(Error::Refused { .. })));
}

#[test]
fn counts_what_streams_hold() {
    let redis = Redis::start();
    let stream = |more: Value| {
        let mut key = json!({"stream": {"key": "s"}});
        key["stream"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        at(&redis, key)
    };
    // Nothing there: no length, no lag; pending entries need the group.
    assert_eq!(value(stream(json!({}))), 0.0);
    assert_eq!(value(stream(json!({"group": "g", "by": "lag"}))), 0.0);
    assert!(matches!(look(stream(json!({"group": "g"}))), Err(Error::Refused { reason, .. }) if reason.contains("NOGROUP")));
    for n in 0..5 {
        redis.run(&["XADD", "s", &format!("{}-0", n + 1), "n", "1"]);
    }
    // A group that is not there yet lags by the whole stream.
    assert_eq!(value(stream(json!({"group": "g", "by": "lag"}))), 5.0);
    redis.run(&["XGROUP", "CREATE", "s", "g", "0"]);
    redis.run(&["XGROUP", "CREATE", "s", "other", "$"]);
    redis.run(&["XREADGROUP", "GROUP", "g", "me", "COUNT", "2", "STREAMS", "s", ">"]);
    assert_eq!(value(stream(json!({}))), 5.0);
    assert_eq!(value(stream(json!({"group": "g", "by": "length"}))), 5.0);
    assert_eq!(value(stream(json!({"group": "g"}))), 2.0);
    assert_eq!(value(stream(json!({"group": "g", "by": "pending"}))), 2.0);
    assert_eq!(value(stream(json!({"group": "g", "by": "lag"}))), 3.0);
    assert_eq!(value(stream(json!({"group": "other", "by": "lag"}))), 0.0);
    // After a deletion in the middle Redis does not know the lag; that is no zero.
    redis.run(&["XDEL", "s", "4-0"]);
    let error = look(stream(json!({"group": "g", "by": "lag"}))).unwrap_err();
    assert!(error.to_string().contains("deleted"), "{error}");
}

#[test]
fn passwords() {
    let redis = Redis::with_password("hunter2");
    let entry = |address: String, password: Value| json!({"redis": {"address": address, "password": password, "list": "l"}});
    assert_eq!(value(entry(redis.address(), json!("hunter2"))), 0.0);
    assert_eq!(value(entry(format!("redis://:hunter2@{}/2", redis.address()), Value::Null)), 0.0);
    for wrong in [json!("hunter3"), Value::Null] {
        let error = look(entry(redis.address(), wrong)).unwrap_err();
        assert!(matches!(error, Error::Login { .. }), "{error}");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

#[test]
fn tls() {
    let redis = Redis::with_tls();
    redis.run(&["RPUSH", "l", "a"]);
    let entry = |tls: Value| json!({"redis": {"address": format!("rediss://{}", redis.tls_address()), "list": "l", "tls": tls}});
    assert_eq!(value(entry(json!({"ca": redis.certificate()}))), 1.0);
    assert_eq!(value(entry(json!({"insecureSkipVerify": true}))), 1.0);
    assert!(matches!(look(entry(json!({}))), Err(Error::Reach { reason, .. }) if reason.contains("certificate")));
}

#[test]
fn comes_back_after_a_crash() {
    let mut redis = Redis::start();
    let entry = at(&redis, json!({"list": "l"}));
    let mut looks = Looks::new();
    assert_eq!(looks.look(entry.clone()).unwrap().value, 0.0);
    redis.kill();
    assert!(matches!(looks.look(entry.clone()), Err(Error::Reach { .. })));
    redis.restart();
    redis.run(&["RPUSH", "l", "a", "b"]);
    assert_eq!(looks.look(entry.clone()).unwrap().value, 2.0);
    // A connection that was closed meanwhile is made again within one look.
    redis.kill();
    redis.restart();
    assert_eq!(looks.look(entry).unwrap().value, 0.0);
}
