//! What is wrong with a call, said so that it can be put right.

use expect_test::{Expect, expect};
use skala_queue::QueueSettings;
use skala_tasks::{StartError, TaskClock, Tasks, TasksConfig};

use super::server::{Server, call_with, one, queue};

/// Status, `field` and `detail` of each call, a line each.
fn check(server: &Server, calls: &[(&str, &str, &str)], want: &Expect) {
    let mut lines = String::new();
    for (method, path, body) in calls {
        let said = server.call(method, path, body);
        assert_eq!(said.head.header("content-type"), Some("application/problem+json"), "{path}: {}", said.doc);
        assert_eq!(said.doc["status"], said.status);
        let field = said.doc["field"].as_str().unwrap_or("-");
        lines += &format!("{} {field}: {}\n", said.status, said.doc["detail"].as_str().unwrap_or_default());
    }
    want.assert_eq(&lines);
}

#[test]
fn each_mistake_has_a_status_a_place_and_a_remedy() {
    let server = Server::start(vec![QueueSettings { max_body: 100, ..queue("mail") }]);
    let tasks = "/v1/queues/mail/tasks";
    let long = format!(r#"{{"body":"{}"}}"#, "x".repeat(200));
    let calls = [
        ("POST", tasks, "{"),
        ("POST", tasks, r#"{"bodi":1}"#),
        ("POST", tasks, r#"{"priority":"high"}"#),
        ("POST", tasks, r#"{"priority":11}"#),
        ("POST", tasks, r#"{"delay":"soon"}"#),
        ("POST", tasks, r#"{"delay":"1s","due":"1h"}"#),
        ("POST", tasks, r#"{"holds":"window"}"#),
        ("POST", tasks, r#"{"bodyBase64":"*"}"#),
        ("POST", tasks, r#"{"cost":-1}"#),
        ("POST", tasks, r#"{"headers":{"a b":"c"}}"#),
        ("POST", tasks, r#"{"after":[{"task":"nobody"}]}"#),
        ("POST", tasks, r#"{"after":[{"task":"01hm5k2v7q8r0"}]}"#),
        ("POST", tasks, &long),
        ("POST", "/v1/queues/mial/tasks", "{}"),
        ("POST", "/v1/queues/mail/tasks:batch", r#"{"tasks":[]}"#),
        ("POST", "/v1/queues/mail/tasks:batch", r#"{"tasks":[{"prio":1}]}"#),
        ("POST", "/v1/leases", r#"{"queues":[]}"#),
        ("POST", "/v1/leases", r#"{"queues":"mail","max":129}"#),
        ("POST", "/v1/leases/ack", r#"{"tasks":[{"id":"x","fence":1}]}"#),
        ("POST", "/v1/leases/nack", r#"{"tasks":[{"id":"01hm5k2v7q8r0","fence":1}]}"#),
        ("POST", "/v1/leases/ack", r#"{"tasks":[{"id":"01hm5k2v7q8r0","fence":1}]}"#),
        ("GET", "/v1/tasks/01hm5k2v7q8r0", ""),
        ("GET", "/v1/tasks/nonsense", ""),
        ("GET", "/v1/tasks?colour=red", ""),
        ("GET", "/v1/tasks?state=asleep", ""),
        ("GET", "/v1/schedules/nightly", ""),
        ("GET", "/v2", ""),
        ("PUT", "/v1/tasks", ""),
    ];
    check(
        &server,
        &calls,
        &expect![[r#"
        400 -: the body is not a JSON document: EOF while parsing an object at line 1 column 1
        422 bodi: bodi: unknown field `bodi`, expected one of `queue`, `ref`, `body`, `bodyBase64`, `name`, `tenant`, `key`, `holds`, `priority`, `delay`, `due`, `expires`, `timeout`, `attempts`, `cost`, `headers`, `contentType`, `method`, `path`, `withResults`, `after` at line 1 column 7
        422 priority: priority: invalid type: string "high", expected u8 at line 1 column 18
        422 priority: priority: is from 0 to 10; 10 goes first
        422 delay: delay: `soon` is not a span of time such as 30s, 1h30m or 500ms at line 1 column 15
        422 delay: delay: state either delay or due
        422 holds: holds: says how long a key holds; there is no key
        422 bodyBase64: bodyBase64: is not base64: Invalid symbol 42, offset 0.
        422 cost: cost: an amount is from 0 to 1000000000, in the platform's currency at line 1 column 11
        422 headers.a b: headers.a b: is not a header of HTTP
        422 after: after: `nobody` is neither a task id nor the `ref` of an earlier task of this call
        422 after: after: the task 01hm5k2v7q8r0 that it is to run after is unknown
        413 -: the body has 202 bytes, queue mail takes 100; put it elsewhere and enqueue where it is
        404 -: there is no queue mial; did you mean mail?
        422 tasks: tasks: from 1 to 128 tasks are taken at once, not none
        422 tasks[0].prio: tasks[0].prio: unknown field `prio`, expected one of `queue`, `ref`, `body`, `bodyBase64`, `name`, `tenant`, `key`, `holds`, `priority`, `delay`, `due`, `expires`, `timeout`, `attempts`, `cost`, `headers`, `contentType`, `method`, `path`, `withResults`, `after` at line 1 column 17
        422 queues: queues: name from 1 to 64 queues
        422 max: max: is from 1 to 128
        422 tasks[0].id: tasks[0].id: is not a task id of 13 characters such as 01hm5k2v7q8r0 at line 1 column 19
        422 handBack: handBack: state either handBack: true, or an error
        404 -: task 01hm5k2v7q8r0 is unknown
        404 -: no task is called 01hm5k2v7q8r0
        404 -: `nonsense` is not a task id of 13 characters such as 01hm5k2v7q8r0
        422 colour: colour: is not a parameter here; there are queue, state, tenant, name, schedule, before, limit
        422 state: state: `asleep` is not one of ready, delayed, held, parked, leased, done, dead or cancelled
        404 -: there is no schedule nightly
        404 -: there is nothing at /v2; the calls are listed at /v1/openapi.json
        405 -: this path takes GET
    "#]],
    );
    server.stop();
}

#[test]
fn a_queue_at_its_bound_says_when_to_come_back() {
    let server = Server::start(vec![QueueSettings { max_tasks: 2, ..queue("mail") }]);
    server.enqueue("mail", "{}");
    server.enqueue("mail", "{}");
    let full = server.post("/v1/queues/mail/tasks", "{}");
    let after: u64 = full.head.header("retry-after").and_then(|v| v.parse().ok()).expect("a Retry-After");
    assert!(after >= 1);
    full.expect(429);
    server.stop();
}

#[test]
fn a_stale_fence_is_refused_and_a_repeated_answer_is_not() {
    let server = Server::start(vec![queue("mail")]);
    server.enqueue("mail", "{}");
    let first = server.take("mail", 1);
    server.post("/v1/leases/nack", &one(&first[0], r#","handBack":true"#)).expect(200);
    let second = server.take("mail", 1);
    for call in ["ack", "extend"] {
        server.post(&format!("/v1/leases/{call}"), &one(&first[0], "")).expect(409);
    }
    server.post("/v1/leases/ack", &one(&second[0], r#","result":1"#)).expect(200);
    server.post("/v1/leases/ack", &one(&second[0], r#","result":1"#)).expect(200);
    server.post("/v1/leases/ack", &one(&first[0], "")).expect(409);
    server.stop();
}

#[test]
fn others_than_loopback_need_a_token_and_a_wrong_one_is_refused() {
    let mut config = TasksConfig::new(vec![queue("mail")]);
    config.token = Some("open sesame".into());
    let server = Server::with(config, Box::new(skala_tasks::store::MemoryStore::new()));
    server.get("/v1/queues").expect(401);
    let with = |token: &str| call_with(server.at(), "GET", "/v1/queues", &format!("Authorization: Bearer {token}\r\n"), "");
    with("open sesam").expect(401);
    with("open sesame").expect(200);
    server.get("/v1/health").expect(200);

    let mut open = TasksConfig::new(Vec::new());
    open.listen = Some(([0, 0, 0, 0], 0).into());
    let store = Box::new(skala_tasks::store::MemoryStore::new());
    let refused = server.runtime.block_on(Tasks::start(open, store, TaskClock::system()));
    assert!(matches!(refused, Err(StartError::Token(_))));
    server.stop();
}

#[test]
fn one_connection_too_many_is_told_so() {
    let mut config = TasksConfig::new(vec![queue("mail")]);
    config.bounds.connections = 1;
    let server = Server::with(config, Box::new(skala_tasks::store::MemoryStore::new()));
    let mut first = skala_testkit::http::Client::connect(server.at());
    super::server::call_on(&mut first, "GET", "/v1/health", "", "").expect(200);
    let refused = skala_testkit::http::Client::connect(server.at()).read_response(false).expect("it is told");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    drop(first);
    server.stop();
}

#[test]
fn a_web_page_of_this_machine_s_browser_gives_no_orders() {
    let server = Server::start(vec![queue("mail")]);
    let tasks = "/v1/queues/mail/tasks";
    let page =
        call_with(server.at(), "POST", tasks, "Origin: https://evil.example\r\nContent-Type: text/plain\r\n", "1").expect(403);
    assert_eq!(page["detail"], "orders from web pages are not taken; use 127.0.0.1, or set `tasks.token` in the platform file");
    assert!(server.take("mail", 1).is_empty());
    server.stop();
}

#[test]
fn a_dead_letter_of_which_only_the_key_is_kept_does_not_begin_anew() {
    let mail = queue("mail");
    let results = skala_queue::Keep { dead: std::time::Duration::ZERO, ..mail.results };
    let server = Server::start(vec![QueueSettings { results, ..mail }]);
    let id = server.enqueue("mail", r#"{"key":"k"}"#);
    let taken = server.take("mail", 1);
    server.post("/v1/leases/nack", &one(&taken[0], r#","cause":"rejected""#)).expect(200);
    let refused = server.post(&format!("/v1/tasks/{id}/retry"), "").expect(409);
    assert_eq!(refused["detail"], "its body is no longer kept: enqueue it again, with another key if it had one");
    server.stop();
}
