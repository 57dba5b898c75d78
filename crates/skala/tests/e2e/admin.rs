//! The admin API: its OpenAPI document, and whom it answers.

use std::time::Duration;

use serde_json::Value;
use skala_testkit::http::{Client, Response};
use skala_testkit::skala::Skala;
use skala_testkit::wait::until;

use crate::{api, skala};

fn ask(skala: &Skala, request: &str) -> Response {
    Client::connect(skala.admin()).request(request).unwrap()
}

fn post(skala: &Skala, path: &str, body: &str) -> Response {
    let length = body.len();
    let host = skala.admin();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    ask(skala, &format!("{head}{body}"))
}

#[test]
fn every_path_of_the_document_answers() {
    let mut skala = skala(&api(""));
    skala.up_ready("api", 1);
    let document = skala.admin_json("/openapi.json");
    assert_eq!(document["info"]["title"], "skala admin API");
    let paths = document["paths"].as_object().unwrap();
    for path in ["/healthz", "/metrics", "/v1/status", "/v1/replicas", "/v1/events", "/v1/services/{service}/why"] {
        assert!(paths.contains_key(path), "{path} is missing in {paths:?}");
    }
    let mut orders = 0;
    for (path, methods) in paths {
        let filled = path.replace("{service}", "api");
        for (method, operation) in methods.as_object().unwrap() {
            let answer = match (method.as_str(), path.as_str()) {
                ("get", _) => skala_testkit::skala::get(skala.admin(), &filled),
                (_, "/v1/shutdown") => continue,
                ("post", p) if p.ends_with("/scale") => post(&skala, &filled, "{\"replicas\": 1}"),
                ("post", p) if p.ends_with("/pause") => post(&skala, &filled, "{\"forMs\": 1000}"),
                ("post", _) => post(&skala, &filled, "{}"),
                other => panic!("how is {other:?} asked?"),
            };
            orders += usize::from(method == "post");
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
            assert!(operation["responses"]["200"].is_object(), "{method} {path} is documented");
        }
    }
    assert_eq!(orders, 3);
    let unknown = skala_testkit::skala::get(skala.admin(), "/v1/nothing");
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("/openapi.json"), "{}", unknown.text());
    assert_eq!(post(&skala, "/v1/services/api/scale", "{\"replicas\": \"many\"}").status, 422);
    assert_eq!(post(&skala, "/v1/services/api/scale", "not json").status, 400);
    let done = post(&skala, "/v1/shutdown", "{}");
    assert_eq!(done.status, 200);
    assert!(skala.wait().success());
}

#[test]
fn foreign_hosts_and_web_pages_are_refused() {
    let mut skala = skala(&api(""));
    skala.up_ready("api", 1);
    let host = skala.admin();
    let rows = [
        (format!("GET /v1/status HTTP/1.1\r\nHost: {host}\r\n\r\n"), 200),
        ("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 200),
        ("GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), 403),
        (format!("GET /metrics HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n", host.port()), 403),
        ("GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n".to_owned(), 403),
        (order(&format!("Host: {host}\r\nOrigin: http://evil.example\r\n")), 403),
        (order(&format!("Host: {host}\r\nOrigin: null\r\n")), 403),
        (order("Host: evil.example\r\n"), 403),
        (order(&format!("Host: {host}\r\n")), 200),
    ];
    for (request, status) in rows {
        let answer = ask(&skala, &request);
        assert_eq!(answer.status, status, "{request}{}", answer.text());
    }
    // Events reach the journal a little after the order is answered.
    until("the order that was taken", Duration::from_secs(20), || (!skala.events("api", "held").is_empty()).then_some(()));
    assert_eq!(skala.events("api", "held").len(), 1, "a refused order has no effect");
}

fn order(headers: &str) -> String {
    let path = "/v1/services/api/scale";
    format!("POST {path} HTTP/1.1\r\n{headers}Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{{\"replicas\":1}}")
}

#[test]
fn a_token_is_asked_for_where_one_is_set() {
    let text =
        api("").replace("admin: {listen: '127.0.0.1:0'}", "admin: {listen: '127.0.0.1:0', token: \"${ADMIN_TOKEN_OF_TEST}\"}");
    let mut skala = skala(&text).env("ADMIN_TOKEN_OF_TEST", "let-me-in-5ecret");
    skala.up();
    let host = skala.admin();
    let without = ask(&skala, &format!("GET /v1/status HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert_eq!(without.status, 401);
    assert!(!without.text().contains("5ecret"));
    let with = ask(&skala, "GET /v1/status HTTP/1.1\r\nHost: any.example\r\nAuthorization: Bearer let-me-in-5ecret\r\n\r\n");
    assert_eq!(with.status, 200);
    let refused = skala.run(&["status"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("SKALA_ADMIN_TOKEN"), "{refused:?}");
    let skala = skala.env("SKALA_ADMIN_TOKEN", "let-me-in-5ecret");
    let status: Value = skala.json(&["status"]);
    assert_eq!(status["platform"], "test");
}

#[test]
fn the_admin_api_does_not_listen_elsewhere_without_a_token() {
    let skala = skala(&api("").replace("admin: {listen: '127.0.0.1:0'}", "admin: {listen: '0.0.0.0:0'}"));
    let ran = skala.run(&["up"]);
    assert!(matches!(ran.code, Some(1 | 3)), "{ran:?}");
    assert!(ran.stderr.contains("token"), "{ran:?}");
}
