//! A real Prometheus.

use serde_json::{Value, json};
use skala_signals::Error;
use skala_testkit::http::Backend;
use skala_testkit::servers::Prometheus;
use skala_testkit::wait;

use crate::{Looks, SOON, look};

const METRICS: &str =
    "# TYPE waiting gauge\nwaiting{queue=\"a\"} 3\nwaiting{queue=\"b\"} 4\nendless +Inf\nnothing NaN\nbelow -1\n";

fn ask(prometheus: &Prometheus, query: &str, ignore: bool) -> Value {
    json!({"prometheus": {"server": format!("http://{}", prometheus.address()), "query": query, "ignoreNull": ignore}})
}

#[test]
fn queries() {
    let target = Backend::fixed(METRICS);
    let mut prometheus = Prometheus::start(target.addr());
    let mut looks = Looks::new();
    wait::until("Prometheus has scraped", SOON, || {
        looks.look(ask(&prometheus, "sum(waiting)", false)).ok().filter(|s| s.value == 7.0)
    });
    let mut number = |query: &str, ignore| looks.look(ask(&prometheus, query, ignore));
    assert_eq!(number("waiting{queue=\"a\"}", false).unwrap().value, 3.0);
    assert_eq!(number("scalar(sum(waiting)) * 2", false).unwrap().value, 14.0);
    // A query that is too long for a URL.
    let long = format!("sum(waiting{{queue!~\"{}\"}})", "x".repeat(9000));
    assert_eq!(number(&long, false).unwrap().value, 7.0);
    for (query, ignored, strict) in [
        ("absent_metric", true, "nothing"),
        ("nothing", true, "NaN"),
        ("endless", false, "infinite"),
        ("below", false, "negative"),
        ("waiting", false, "2 elements"),
        ("waiting[1m]", false, "matrix"),
    ] {
        let error = number(query, false).unwrap_err();
        assert!(matches!(&error, Error::Number { reason } if reason.contains(strict)), "{query}: {error}");
        assert_eq!(number(query, true).ok().map(|s| s.value), ignored.then_some(0.0), "{query}");
    }
    let error = number("sum(", true).unwrap_err();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("parse error")), "{error}");

    prometheus.kill();
    assert!(matches!(looks.look(ask(&prometheus, "sum(waiting)", true)), Err(Error::Reach { .. })));
    prometheus.restart();
    // While it reads its files it says 503; then it answers again.
    wait::until("Prometheus answers again", SOON, || {
        looks.look(ask(&prometheus, "sum(waiting)", false)).ok().filter(|s| s.value == 7.0)
    });
}

#[test]
fn tls_and_passwords() {
    // bcrypt of `hunter2`.
    let users = [("skala", "$2b$04$mFiZ473F1mQR4iU8kPcf4.yDw/1O6Cnn0jSOsbfvjdIqto4TkSriG")];
    let target = Backend::fixed(METRICS);
    let prometheus = Prometheus::with_tls(target.addr(), &users);
    let entry = |password: &str, tls: Value| {
        let server = format!("https://{}", prometheus.address());
        json!({"prometheus": {"server": server, "query": "vector(5)", "username": "skala", "password": password, "tls": tls}})
    };
    let trusted = json!({"ca": prometheus.certificate()});
    let found = wait::until("Prometheus is ready", SOON, || look(entry("hunter2", trusted.clone())).ok());
    assert_eq!(found.value, 5.0);
    let error = look(entry("hunter3", trusted)).unwrap_err();
    assert!(matches!(error, Error::Login { .. }), "{error}");
    assert!(matches!(look(entry("hunter2", json!({}))), Err(Error::Reach { reason, .. }) if reason.contains("certificate")));
}
