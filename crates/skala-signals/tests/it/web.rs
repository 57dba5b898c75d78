//! Documents over HTTP.

use std::io::Write;

use serde_json::{Value, json};
use skala_signals::Error;
use skala_testkit::http::{Backend, Then};

use crate::{Looks, look, value};

fn answering(status: &'static str, body: &'static str) -> Backend {
    Backend::start(move |stream, _| {
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nLocation: /elsewhere\r\n\r\n{body}", body.len())?;
        Ok(Then::Keep)
    })
}

fn entry(server: &Backend, more: Value) -> Value {
    let mut entry = json!({"http": {"url": format!("http://{}/stats?verbose=1", server.addr()), "path": "/queue/waiting"}});
    entry["http"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

#[test]
fn reads_a_number_out_of_a_document() {
    let server = answering("200 OK", r#"{"queue": {"waiting": 42}}"#);
    assert_eq!(value(entry(&server, json!({"headers": {"X-Key": "k"}, "bearerToken": "t"}))), 42.0);
    let request = server.received().remove(0);
    assert_eq!(
        (request.target(), request.header("x-key"), request.header("authorization")),
        ("/stats?verbose=1", Some("k"), Some("Bearer t"))
    );
    value(entry(&server, json!({"username": "u", "password": "p"})));
    assert_eq!(server.received()[1].header("authorization"), Some("Basic dTpw"));
    // Connections are kept. The client puts one back a moment after its answer was read, so a look that follows at once may open
    // another one; most do not.
    let mut looks = Looks::new();
    let before = server.connections();
    for _ in 0..50 {
        looks.look(entry(&server, json!({}))).unwrap();
    }
    let opened = server.connections() - before;
    assert!((1..=25).contains(&opened), "{opened} connections for 50 looks");
}

#[test]
fn statuses_that_are_not_success_are_errors() {
    for (status, login) in
        [("401 Unauthorized", true), ("403 Forbidden", true), ("302 Found", false), ("404 Not Found", false), ("503 Busy", false)]
    {
        let server = answering(status, r#"{"queue": {"waiting": 42}}"#);
        let error = look(entry(&server, json!({"bearerToken": "hunter2"}))).unwrap_err();
        assert_eq!(matches!(error, Error::Login { .. }), login, "{error}");
        assert!(login || matches!(error, Error::Refused { .. }), "{error}");
        assert_eq!(server.received().len(), 1, "redirects are not followed");
        assert!(!error.to_string().contains("hunter2") && error.to_string().contains(&status[..3]), "{error}");
    }
}

#[test]
fn comes_back_after_a_crash() {
    let server = answering("200 OK", "1");
    let mut looks = Looks::new();
    let at = json!({"http": {"url": format!("http://{}", server.addr())}});
    assert_eq!(looks.look(at.clone()).unwrap().value, 1.0);
    server.kill();
    assert!(matches!(looks.look(at), Err(Error::Reach { .. })));
}
