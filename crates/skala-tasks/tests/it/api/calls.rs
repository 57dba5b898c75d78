//! What each call does when all is well.

use serde_json::json;

use super::server::{Server, call_with, one, queue, word};

#[test]
fn a_task_goes_from_its_producer_to_its_worker_and_its_result_back() {
    let server = Server::start(vec![queue("mail")]);
    let task = r#"{"name":"send","tenant":"acme","priority":3,"headers":{"traceparent":"t"},"body":{"to": "a@b", "n": 1.50}}"#;
    let said = server.post("/v1/queues/mail/tasks", task);
    let location = said.head.header("location").expect("a location").to_owned();
    let id = said.expect(201)["id"].as_str().expect("an id").to_owned();
    assert_eq!(location, format!("/v1/tasks/{id}"));

    let taken = server.take("mail", 1);
    let text = serde_json::to_string(&taken[0]["body"]).expect("JSON");
    assert_eq!((taken[0]["id"].as_str(), text.as_str()), (Some(id.as_str()), r#"{"to":"a@b","n":1.5}"#));
    assert_eq!(
        json!({"name": taken[0]["name"], "tenant": taken[0]["tenant"], "priority": taken[0]["priority"], "attempt": taken[0]["attempt"]}),
        json!({"name": "send", "tenant": "acme", "priority": 3, "attempt": 1})
    );
    assert_eq!(server.get(&location).expect(200)["state"], "leased");

    let extended = server.post("/v1/leases/progress", &one(&taken[0], r#","progress":{"percent":50}"#)).expect(200);
    assert!(extended["tasks"][0]["leaseSeconds"].as_f64().is_some_and(|s| s > 20.0), "{extended}");
    assert_eq!(server.get(&location).expect(200)["progress"], r#"{"percent":50}"#);

    server.post("/v1/leases/ack", &one(&taken[0], r#","result":{"sent":true}"#)).expect(200);
    let shown = server.get(&format!("{location}?body=true")).expect(200);
    assert_eq!(
        json!({"state": shown["state"], "result": shown["result"], "attempts": shown["attempts"], "to": shown["body"]["to"]}),
        json!({"state": "done", "result": {"sent": true}, "attempts": 1, "to": "a@b"})
    );
    server.stop();
}

#[test]
fn a_known_key_brings_the_same_task_and_200() {
    let server = Server::start(vec![queue("mail")]);
    let first = server.enqueue("mail", r#"{"key":"order-1"}"#);
    let again = server.post("/v1/queues/mail/tasks", r#"{"key":"order-1"}"#).expect(200);
    assert_eq!((again["id"].as_str(), again["new"].as_bool()), (Some(first.as_str()), Some(false)));
    let by_header = call_with(server.at(), "POST", "/v1/queues/mail/tasks", "Idempotency-Key: order-1\r\n", "{}").expect(200);
    assert_eq!(by_header["id"], first);
    let taken = server.take("mail", 1);
    server.post("/v1/leases/ack", &one(&taken[0], "")).expect(200);
    let ended = server.post("/v1/queues/mail/tasks", r#"{"key":"order-1"}"#).expect(200);
    assert_eq!((ended["id"].as_str(), ended["state"].as_str()), (Some(first.as_str()), Some("done")));
    server.stop();
}

#[test]
fn a_body_of_any_media_type_comes_with_its_headers() {
    let server = Server::start(vec![queue("mail")]);
    let headers = "Content-Type: text/plain\r\nSkala-Name: note\r\nSkala-Tenant: acme\r\nSkala-Header-X-Kind: k\r\n\
        X-CloudTasks-TaskName: t1\r\n";
    call_with(server.at(), "POST", "/v1/queues/mail/tasks", headers, "plain words").expect(201);
    call_with(server.at(), "POST", "/v1/queues/mail/tasks", headers, "plain words").expect(200);
    let taken = server.take("mail", 10);
    assert_eq!(taken.len(), 1);
    assert_eq!(
        json!([taken[0]["bodyBase64"], taken[0]["contentType"], taken[0]["name"], taken[0]["headers"]]),
        json!(["cGxhaW4gd29yZHM=", "text/plain", "note", {"x-kind": "k"}])
    );
    call_with(server.at(), "POST", "/v1/queues/mail/tasks?raw=true", "Content-Type: application/json\r\n", "[1, 2]").expect(201);
    assert_eq!(server.take("mail", 1)[0]["body"], json!([1, 2]));
    server.stop();
}

#[test]
fn a_document_that_curl_calls_a_form_is_a_document_and_a_form_is_a_body() {
    let server = Server::start(vec![queue("mail")]);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let document = r#" {"body": {"n": 1}, "key": "k"}"#;
    call_with(server.at(), "POST", "/v1/queues/mail/tasks", form, document).expect(201);
    call_with(server.at(), "POST", "/v1/queues/mail/tasks", form, document).expect(200);
    call_with(server.at(), "POST", "/v1/queues/mail/tasks", form, "{").expect(400);
    call_with(server.at(), "POST", "/v1/queues/mail/tasks", form, "n=1&m=2").expect(201);
    let taken = server.take("mail", 10);
    assert_eq!(json!([taken[0]["body"], taken[1]["bodyBase64"]]), json!([{"n": 1}, "bj0xJm09Mg=="]));
    server.stop();
}

#[test]
fn a_failed_task_is_tried_again_then_dead_and_can_begin_anew() {
    let server = Server::start(vec![queue("mail")]);
    let id = server.enqueue("mail", "{}");
    for attempt in 1..=2 {
        let ask = r#"{"queues":["mail"],"wait":"20s"}"#;
        let taken = server.post("/v1/leases", ask).expect(200)["tasks"].as_array().expect("tasks").clone();
        assert_eq!(taken[0]["attempt"], attempt);
        server.post("/v1/leases/nack", &one(&taken[0], r#","error":"no such mailbox","log":["a","b"]"#)).expect(200);
    }
    let dead = server.get(&format!("/v1/tasks/{id}")).expect(200);
    assert_eq!(
        json!([dead["state"], dead["attempts"], dead["death"]]),
        json!(["dead", 2, {"cause": "failed", "message": "no such mailbox", "log": ["a", "b"]}])
    );
    let listed = server.get("/v1/tasks?queue=mail&state=dead").expect(200);
    assert_eq!(listed["tasks"][0]["id"], id);
    assert_eq!(server.post(&format!("/v1/tasks/{id}/retry"), "").expect(200)["state"], "ready");
    assert_eq!(server.take("mail", 1)[0]["attempt"], 1);
    server.stop();
}

#[test]
fn handing_back_counts_as_no_attempt() {
    let server = Server::start(vec![queue("mail")]);
    server.enqueue("mail", "{}");
    for _ in 0..5 {
        let taken = server.take("mail", 1);
        assert_eq!((taken.len(), taken[0]["attempt"].as_u64()), (1, Some(1)));
        server.post("/v1/leases/nack", &one(&taken[0], r#","handBack":true"#)).expect(200);
    }
    server.stop();
}

#[test]
fn batches_go_in_whole_or_not_at_all_and_answers_come_each_by_itself() {
    let server = Server::start(vec![queue("mail")]);
    let bad = server.post("/v1/queues/mail/tasks:batch", r#"{"tasks":[{"body":1},{"body":2,"priority":11}]}"#);
    let bad = bad.expect(422);
    assert_eq!((bad["place"].as_u64(), bad["field"].as_str()), (Some(1), Some("priority")));
    assert_eq!(server.get("/v1/queues/mail").expect(200)["ready"], 0);

    let good = server.post("/v1/queues/mail/tasks:batch", r#"{"tasks":[{"body":1},{"body":2},{"body":3}]}"#).expect(201);
    assert_eq!(good["tasks"].as_array().map(Vec::len), Some(3));
    let taken = server.take("mail", 128);
    assert_eq!(taken.iter().map(|t| t["body"].clone()).collect::<Vec<_>>(), [json!(1), json!(2), json!(3)]);
    let stale = json!({"id": taken[1]["id"], "fence": "1"});
    let acks = format!(r#"{{"tasks":[{},{stale},{}]}}"#, word(&taken[0], ""), word(&taken[2], ""));
    let each = server.post("/v1/leases/ack", &acks).expect(200);
    let statuses: Vec<_> = each["tasks"].as_array().expect("each").iter().map(|t| t["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(409), json!(200)]);
    server.stop();
}

#[test]
fn a_flow_runs_in_order_and_its_end_gets_the_results() {
    let server = Server::start(vec![queue("chunk"), queue("embed")]);
    let flow = r#"{"queue":"chunk","chain":[{"body":"first"}],"group":[{"queue":"embed","body":1},{"queue":"embed","body":2}],
        "then":{"body":"last"},"onFailure":{"body":"failure"}}"#;
    let ids = server.post("/v1/flows", flow).expect(201);
    assert_eq!(ids["tasks"].as_array().map(Vec::len), Some(5));
    assert!(server.take("embed", 10).is_empty());
    let first = server.take("chunk", 10);
    assert_eq!((first.len(), first[0]["body"].as_str()), (1, Some("first")));
    server.post("/v1/leases/ack", &one(&first[0], "")).expect(200);
    let group = server.take("embed", 10);
    let acks: Vec<_> = group.iter().map(|t| word(t, &format!(r#","result":{}"#, t["body"]))).collect();
    server.post("/v1/leases/ack", &format!(r#"{{"tasks":[{}]}}"#, acks.join(","))).expect(200);
    let last = server.take("chunk", 10);
    assert_eq!((last.len(), last[0]["body"].as_str()), (1, Some("last")));
    let results: Vec<_> = last[0]["results"].as_array().expect("results").iter().map(|r| r["result"].clone()).collect();
    assert_eq!(results, [json!(1), json!(2)]);
    server.post("/v1/leases/ack", &one(&last[0], "")).expect(200);
    let failure = server.get(&format!("/v1/tasks/{}", ids["tasks"][4]["id"].as_str().expect("an id"))).expect(200);
    assert_eq!(failure["state"], "cancelled");
    server.stop();
}

#[test]
fn an_effect_takes_place_once_across_attempts() {
    let server = Server::start(vec![queue("mail")]);
    server.enqueue("mail", "{}");
    let taken = server.take("mail", 1);
    let effect = |task: &serde_json::Value| word(task, r#","key":"charge-17""#);
    assert_eq!(server.post("/v1/effects", &effect(&taken[0])).expect(200)["first"], true);
    assert_eq!(server.post("/v1/effects", &effect(&taken[0])).expect(200)["first"], false);
    server.post("/v1/leases/nack", &one(&taken[0], r#","handBack":true"#)).expect(200);
    server.post("/v1/effects", &effect(&taken[0])).expect(409);
    let again = server.take("mail", 1);
    assert_eq!(server.post("/v1/effects", &effect(&again[0])).expect(200)["first"], false);
    server.stop();
}

#[test]
fn queues_pause_resume_are_purged_and_say_why_a_task_waits() {
    let server = Server::start(vec![queue("mail")]);
    let id = server.enqueue("mail", "{}");
    server.post("/v1/queues/mail/pause", "").expect(200);
    assert!(server.take("mail", 1).is_empty());
    let why = server.get(&format!("/v1/tasks/{id}/why")).expect(200);
    assert_eq!((why["state"].as_str(), why["why"]["reason"].as_str()), (Some("ready"), Some("paused")));
    server.post("/v1/queues/mail/resume", "").expect(200);
    assert_eq!(server.take("mail", 1).len(), 1);
    for _ in 0..3 {
        server.enqueue("mail", r#"{"delay":"1h"}"#);
    }
    assert_eq!(server.post("/v1/queues/mail/purge", "").expect(200)["purged"], 3);
    assert_eq!(server.get("/v1/queues/mail").expect(200)["leased"], 1);
    let metrics = server.get("/metrics").doc.as_str().expect("text").to_owned();
    assert!(metrics.contains("skala_tasks_leased{queue=\"mail\"} 1"), "{metrics}");
    server.stop();
}

#[test]
fn lists_come_in_pages_and_know_what_is_worked_on() {
    let server = Server::start(vec![queue("mail"), queue("other")]);
    let ids: Vec<String> = (0..5).map(|n| server.enqueue("mail", &format!(r#"{{"tenant":"t{}"}}"#, n % 2))).collect();
    server.enqueue("other", "{}");
    let page = server.get("/v1/tasks?queue=mail&limit=3").expect(200);
    let listed = |doc: &serde_json::Value| -> Vec<String> {
        doc["tasks"].as_array().expect("tasks").iter().map(|t| t["id"].as_str().expect("id").to_owned()).collect()
    };
    assert_eq!(listed(&page), [&*ids[4], &*ids[3], &*ids[2]]);
    let next = page["next"].as_str().expect("there is more");
    assert_eq!(listed(&server.get(&format!("/v1/tasks?queue=mail&limit=3&before={next}")).expect(200)), [&*ids[1], &*ids[0]]);
    assert_eq!(listed(&server.get("/v1/tasks?tenant=t1").expect(200)), [&*ids[3], &*ids[1]]);
    let taken = server.take("mail", 1);
    let leased = server.get("/v1/tasks?state=leased").expect(200);
    assert_eq!(listed(&leased), [taken[0]["id"].as_str().expect("id")]);
    assert_eq!(listed(&server.get("/v1/tasks?queue=mail&state=ready").expect(200)).len(), 4);
    server.stop();
}

#[test]
fn cancelling_ends_a_waiting_task_and_tells_a_running_one() {
    let server = Server::start(vec![queue("mail")]);
    let running = server.enqueue("mail", "{}");
    let taken = server.take("mail", 1);
    let waiting = server.enqueue("mail", "{}");
    server.call("DELETE", &format!("/v1/tasks/{waiting}"), "").expect(200);
    assert_eq!(server.get(&format!("/v1/tasks/{waiting}")).expect(200)["state"], "cancelled");
    server.call("DELETE", &format!("/v1/tasks/{running}"), "").expect(200);
    let extended = server.post("/v1/leases/extend", &one(&taken[0], "")).expect(200);
    assert_eq!(extended["tasks"][0]["stop"], "cancelled");
    server.stop();
}
