//! The HTTP request that a push makes of a task.
//!
//! Decides: nothing; it says to the replica what skala knows of the attempt.
//! Method: the task's own headers first, without those that belong to the connection; then skala's, Cloud Tasks' names for the same
//!   things, and CloudEvents 1.0 in binary mode unless the body is a CloudEvent itself.
//! Tested: `tests` below.

use std::fmt::{Display, Write};
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use serde_json::json;
use serde_json::value::RawValue;
use skala_queue::Now;

use crate::Job;

/// Headers of a task that belong to the connection, not to the request.
const NOT_THEIRS: [HeaderName; 6] = [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
/// Whose the task is: said by skala alone, and left out where it is nobody's.
const TENANT: &str = "skala-tenant";
/// What bodies are unless their task says otherwise.
const JSON: &str = "application/json";
/// Bytes that all values of skala's headers have together, about.
const TEXT: usize = 512;

/// Headers, and the memory that their values share.
struct Headers {
    map: HeaderMap,
    text: BytesMut,
}

/// A header's name, made while compiling.
macro_rules! name {
    ($name:literal) => {
        const { HeaderName::from_static($name) }
    };
}

/// Makes the request. The path is the task's own, or `path`.
///
/// # Errors
/// What is wrong with the task's method, path or headers, in words.
pub(crate) fn request(job: &Job, path: &str, to: SocketAddr, now: Now) -> Result<Request<Full<Bytes>>, String> {
    let label = &job.label;
    let path = if label.path.is_empty() { path } else { &label.path };
    let uri = own_path(path).ok_or_else(|| format!("'{path}' is not a path that can be requested"))?;
    let method = match label.method.as_ref() {
        "" => Method::POST,
        // It would make a tunnel of the connection.
        "CONNECT" => return Err("'CONNECT' is not a method of a task".to_owned()),
        method => method.parse().map_err(|_| format!("'{method}' is not an HTTP method"))?,
    };
    let mut headers = Headers { map: own(job)?, text: BytesMut::with_capacity(TEXT) };
    if !headers.map.contains_key(HOST) {
        headers.put(HOST, to);
    }
    let body = body(job, &mut headers);
    skala(&mut headers, job, now);
    cloud_tasks(&mut headers, job);
    cloud_event(&mut headers, job);
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers.map);
    Ok(request)
}

/// A path of the replica itself: with a host in it, a replica that is a proxy would go there.
fn own_path(path: &str) -> Option<Uri> {
    path.parse().ok().filter(|uri: &Uri| path.starts_with('/') && uri.authority().is_none())
}

fn own(job: &Job) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(job.label.headers.len() + 32);
    for (name, value) in &job.label.headers {
        let parsed: HeaderName = name.parse().map_err(|_| format!("'{name}' is not a name of a header"))?;
        let value: HeaderValue =
            value.parse().map_err(|_| format!("the value of header {name} has characters that it may not"))?;
        if !NOT_THEIRS.contains(&parsed) && parsed != TENANT {
            headers.insert(parsed, value);
        }
    }
    Ok(headers)
}

fn body(job: &Job, headers: &mut Headers) -> Bytes {
    let kind: &str = job.label.content_type.as_ref();
    if job.label.with_results {
        headers.map.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        return with_results(job);
    }
    if !headers.map.contains_key(CONTENT_TYPE) {
        headers.put(CONTENT_TYPE, if kind.is_empty() { JSON } else { kind });
    }
    job.body.clone()
}

/// `{"body": .., "results": [{"task": "..", "result": ..}]}`, in the order of the tasks that it waited for.
fn with_results(job: &Job) -> Bytes {
    let raw = |bytes: &[u8]| serde_json::from_slice::<Box<RawValue>>(bytes).ok();
    let body = raw(&job.body).map_or_else(|| plain(&job.body), |raw| json!(raw));
    let result = |(task, result): &(_, Option<Bytes>)| json!({ "task": task, "result": result.as_deref().and_then(raw) });
    let results: Vec<_> = job.results.iter().map(result).collect();
    json!({ "body": body, "results": results }).to_string().into()
}

fn plain(body: &[u8]) -> serde_json::Value {
    match std::str::from_utf8(body) {
        Ok("") => serde_json::Value::Null,
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(body) }),
    }
}

fn skala(headers: &mut Headers, job: &Job, now: Now) {
    let leased = &job.leased;
    let left = leased.deadline.since(now.at);
    headers.put(name!("idempotency-key"), leased.id);
    headers.put(name!("skala-task-id"), leased.id);
    headers.put(name!("skala-queue"), &job.queue);
    headers.put(name!("skala-fence"), leased.fence.0);
    headers.put(name!("skala-attempt"), leased.attempts + 1);
    headers.put(name!("skala-losses"), leased.losses);
    headers.put(name!("skala-priority"), leased.priority);
    headers.put(name!("skala-deadline"), now.wall + left);
    headers.put(name!("skala-timeout"), format_args!("{}.{:03}", left.as_secs(), left.subsec_millis()));
    headers.put(name!("skala-due"), leased.due);
    if !leased.tenant.is_empty() {
        headers.put(const { HeaderName::from_static(TENANT) }, &leased.tenant);
    }
}

fn cloud_tasks(headers: &mut Headers, job: &Job) {
    let due_micros = job.leased.due.as_nanos() / 1000;
    headers.put(name!("x-cloudtasks-taskname"), job.leased.id);
    headers.put(name!("x-cloudtasks-queuename"), &job.queue);
    headers.put(name!("x-cloudtasks-taskretrycount"), job.leased.attempts + job.leased.losses);
    headers.put(name!("x-cloudtasks-taskexecutioncount"), job.leased.attempts);
    headers.put(name!("x-cloudtasks-tasketa"), format_args!("{}.{:06}", due_micros / 1_000_000, due_micros % 1_000_000));
}

fn cloud_event(headers: &mut Headers, job: &Job) {
    let is_event = headers.map.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/cloudevents"));
    if is_event || headers.map.contains_key("ce-id") {
        return;
    }
    let name: &str = job.label.name.as_ref();
    headers.put(name!("ce-specversion"), "1.0");
    headers.put(name!("ce-id"), job.leased.id);
    headers.put(name!("ce-source"), format_args!("/queues/{}", job.queue));
    headers.put(name!("ce-type"), if name.is_empty() { "skala.task" } else { name });
    headers.put(name!("ce-time"), job.leased.created);
}

impl Headers {
    /// Sets a header. A value with `%` or characters that no header may carry (in a tenant's or a task's name) is percent-encoded.
    fn put(&mut self, name: HeaderName, value: impl Display) {
        write!(self.text, "{value}").expect("memory takes everything");
        let mut value = self.text.split().freeze();
        if !value.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'%') {
            value = percent(&value).into();
        }
        self.map.insert(name, HeaderValue::from_maybe_shared(value).expect("printable ASCII is a header's value"));
    }
}

fn percent(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text {
        match byte {
            b' '..=b'~' if *byte != b'%' => encoded.push(char::from(*byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;
    use skala_queue::{Fence, Label, Leased, QueueId, TaskId};
    use skala_types::Time;

    use super::*;

    fn job(label: Label) -> Job {
        let at = Time::from_secs(1_800_000_000);
        let leased = Leased {
            id: TaskId(77),
            queue: QueueId(0),
            fence: Fence(9),
            until: at,
            deadline: at + Duration::from_secs(600),
            attempts: 1,
            losses: 2,
            tenant: "Müller 100%".into(),
            priority: 5,
            due: at,
            created: at,
            parents: Vec::new(),
        };
        Job { leased, queue: "ingestion".into(), label, body: Bytes::from_static(b"{\"a\":1}"), results: Vec::new() }
    }

    fn made(job: &Job) -> Result<Request<Full<Bytes>>, String> {
        request(job, "/tasks", ([127, 0, 0, 1], 80).into(), Now::both(Time::from_secs(1_800_000_001)))
    }

    #[test]
    fn a_replica_is_told_everything_about_the_attempt() {
        let headers = [("traceparent", "00-ab-cd-01"), ("Connection", "close"), ("X-Own", "1")];
        let label = Label {
            name: "ingest".into(),
            headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
            ..Label::default()
        };
        let request = made(&job(label)).unwrap();
        let mut text = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        expect![[r#"
            POST /tasks
            x-own: 1
            traceparent: 00-ab-cd-01
            host: 127.0.0.1:80
            content-type: application/json
            idempotency-key: 000000000002d
            skala-task-id: 000000000002d
            skala-queue: ingestion
            skala-fence: 9
            skala-attempt: 2
            skala-losses: 2
            skala-priority: 5
            skala-deadline: 2027-01-15T08:10:00.000Z
            skala-timeout: 599.000
            skala-due: 2027-01-15T08:00:00.000Z
            skala-tenant: M%C3%BCller 100%25
            x-cloudtasks-taskname: 000000000002d
            x-cloudtasks-queuename: ingestion
            x-cloudtasks-taskretrycount: 3
            x-cloudtasks-taskexecutioncount: 1
            x-cloudtasks-tasketa: 1800000000.000000
            ce-specversion: 1.0
            ce-id: 000000000002d
            ce-source: /queues/ingestion
            ce-type: ingest
            ce-time: 2027-01-15T08:00:00.000Z
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_task_may_name_method_path_and_type() {
        let label = Label { method: "PUT".into(), path: "/x?y=1".into(), content_type: "text/plain".into(), ..Label::default() };
        let request = made(&job(label)).unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("PUT", "/x?y=1"));
        assert_eq!(request.headers()["content-type"], "text/plain");
    }

    #[test]
    fn nobody_but_skala_says_whose_a_task_is() {
        let headers = [("Skala-Tenant".to_owned(), "acme".to_owned()), ("Skala-Fence".to_owned(), "1".to_owned())].into();
        let mut job = job(Label { headers, ..Label::default() });
        job.leased.tenant = "".into();
        let request = made(&job).unwrap();
        assert_eq!((request.headers().get("skala-tenant"), request.headers()["skala-fence"].to_str().unwrap()), (None, "9"));
    }

    #[test]
    fn what_cannot_be_asked_is_told_in_words() {
        let check = |label: Label| made(&job(label)).unwrap_err();
        assert_eq!(check(Label { path: "no path".into(), ..Label::default() }), "'no path' is not a path that can be requested");
        for path in ["http://10.0.0.1/latest", "evil.example:80", "*", "tasks"] {
            assert_eq!(
                check(Label { path: path.into(), ..Label::default() }),
                format!("'{path}' is not a path that can be requested")
            );
        }
        assert_eq!(check(Label { method: "CONNECT".into(), ..Label::default() }), "'CONNECT' is not a method of a task");
        assert_eq!(check(Label { method: "G T".into(), ..Label::default() }), "'G T' is not an HTTP method");
        let headers = [("a b".to_owned(), "1".to_owned())].into();
        assert_eq!(check(Label { headers, ..Label::default() }), "'a b' is not a name of a header");
    }

    #[test]
    fn results_of_the_tasks_before_come_with_the_body() {
        let mut job = job(Label { with_results: true, ..Label::default() });
        job.results = vec![(TaskId(1), Some(Bytes::from_static(b"[1, 2]"))), (TaskId(2), None)];
        let body = String::from_utf8(with_results(&job).to_vec()).unwrap();
        expect![[
            r#"{"body":{"a":1},"results":[{"task":"0000000000001","result":[1,2]},{"task":"0000000000002","result":null}]}"#
        ]]
        .assert_eq(&body);
    }
}
