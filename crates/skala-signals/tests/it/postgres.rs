//! A real Postgres.

use serde_json::{Value, json};
use skala_signals::Error;
use skala_testkit::servers::Postgres;

use crate::{Looks, look};

fn ask(url: &str, query: &str) -> Value {
    json!({"postgres": {"connection": url, "query": query}})
}

#[test]
fn queries() {
    let postgres = Postgres::start("hunter2");
    postgres.run("CREATE TABLE jobs (state text); INSERT INTO jobs SELECT 'waiting' FROM generate_series(1, 7)");
    let mut looks = Looks::new();
    let mut number = |query: &str| looks.look(ask(&postgres.url(), query));
    for (query, expected) in [
        ("SELECT count(*) FROM jobs WHERE state = 'waiting'", 7.0),
        ("SELECT 2.5::numeric", 2.5),
        ("SELECT 1e3::float8;", 1000.0),
        ("SELECT '12'", 12.0),
    ] {
        assert_eq!(number(query).unwrap().value, expected, "{query}");
    }
    for (query, word) in [
        ("SELECT 1 WHERE false", "no row"),
        ("SELECT generate_series(1, 1000)", "more than one row"),
        ("SELECT 1; SELECT 2", "more than one row"),
        ("SELECT 1, 2", "2 columns"),
        ("SELECT NULL::int", "NULL"),
        ("SELECT 'seven'", "not a number"),
        ("SELECT 'NaN'::float8", "NaN"),
        ("SELECT 'infinity'::float8", "infinite"),
        ("SELECT -1", "negative"),
    ] {
        let error = number(query).unwrap_err();
        assert!(matches!(&error, Error::Number { reason } if reason.contains(word)), "{query}: {error}");
    }
    for (query, word) in [("SELEC 1", "syntax"), ("SELECT * FROM nothing", "does not exist"), ("DELETE FROM jobs", "read-only")] {
        let error = number(query).unwrap_err();
        assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains(word)), "{query}: {error}");
    }
    assert!(matches!(number("SELECT repeat('x', 5000000)"), Err(Error::TooLarge { .. })));
    // After all that, the connection still answers, and nothing was deleted.
    assert_eq!(number("SELECT count(*) FROM jobs").unwrap().value, 7.0);
}

#[test]
fn one_connection_serves_a_server_and_slow_queries_end() {
    let postgres = Postgres::start("hunter2");
    let mut looks = Looks::new();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'skala'";
    for _ in 0..3 {
        assert_eq!(looks.look(ask(&postgres.url(), count)).unwrap().value, 1.0);
    }
    let slow = json!({"postgres": {"connection": postgres.url(), "query": "SELECT pg_sleep(30)", "timeout": "300ms"}});
    assert!(matches!(looks.look(slow), Err(Error::Timeout { .. })));
    // The server was told to stop: nobody sleeps on.
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active' AND pid <> pg_backend_pid()";
    skala_testkit::wait::until("the query ends", crate::SOON, || (postgres.run(asleep) == "0").then_some(()));
}

#[test]
fn passwords_and_tls() {
    let postgres = Postgres::with_tls("hunter2");
    let tls = |mode: &str, password: &str, tls: Value| {
        let url = format!(
            "postgres://postgres:{password}@{}/postgres?sslmode={mode}",
            postgres.address().replace("127.0.0.1", "localhost")
        );
        look(
            json!({"postgres": {"connection": url, "query": "SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "tls": tls}}),
        )
    };
    assert_eq!(tls("require", "hunter2", json!({"ca": postgres.certificate()})).unwrap().value, 1.0);
    assert_eq!(tls("verify-full", "hunter2", json!({"ca": postgres.certificate()})).unwrap().value, 1.0);
    assert_eq!(tls("prefer", "hunter2", Value::Null).unwrap().value, 1.0);
    assert!(tls("prefer", "hunter2", json!({})).is_err(), "where `tls` is given, it is checked");
    assert_eq!(tls("disable", "hunter2", Value::Null).unwrap().value, 0.0);
    assert!(matches!(tls("require", "hunter2", Value::Null), Err(Error::Reach { reason, .. }) if reason.contains("certificate")));
    let error = tls("disable", "hunter3", Value::Null).unwrap_err();
    assert!(matches!(error, Error::Login { .. }), "{error}");
    assert!(!error.to_string().contains("hunter"), "{error}");
}

#[test]
fn comes_back_after_a_crash() {
    let mut postgres = Postgres::start("hunter2");
    let entry = ask(&postgres.url(), "SELECT 5");
    let mut looks = Looks::new();
    assert_eq!(looks.look(entry.clone()).unwrap().value, 5.0);
    postgres.kill();
    assert!(matches!(looks.look(entry.clone()), Err(Error::Reach { .. })));
    postgres.restart();
    assert_eq!(looks.look(entry).unwrap().value, 5.0);
}
