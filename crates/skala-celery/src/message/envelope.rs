//! The envelope that kombu keeps in Redis.
//!
//! Method: the JSON document is kept as it came, with the order of its keys, so that what skala gives back differs from what it
//!   took only where it must. The body is not touched unless it is asked for.
//! Invariants: parsing and writing an envelope changes nothing but white space.
//! Tested: `tests` below; `tests/it/messages.rs` against messages of real applications.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Problem, Task, body, time};

/// skala's own header: how often a message was given back because its worker died.
const LOSSES: &str = "skala-losses";
/// skala's own header: when the message was put into its queue, in seconds since 1970.
const ENQUEUED: &str = "skala-enqueued";
/// skala's own header: why a message lies in a dead-letter list.
const CAUSE: &str = "skala-dead";

/// A message as it lies in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope(Map<String, Value>);

impl Envelope {
    /// Reads a list's element.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Envelope, Problem> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(Envelope(map)),
            Ok(_) => Err(Problem::malformed("it is no JSON object")),
            Err(e) => Err(Problem::malformed(e.to_string())),
        }
    }

    /// Reads an element of the hash of unacknowledged messages: the envelope, its exchange and its routing key.
    ///
    /// # Errors
    /// When it is not such an element.
    pub fn parse_unacked(bytes: &[u8]) -> Result<(Envelope, String, String), Problem> {
        match serde_json::from_slice(bytes) {
            Ok((map, exchange, key)) => {
                let (exchange, key): (Option<String>, Option<String>) = (exchange, key);
                Ok((Envelope(map), exchange.unwrap_or_default(), key.unwrap_or_default()))
            }
            Err(e) => Err(Problem::malformed(e.to_string())),
        }
    }

    /// A new message with a task.
    pub fn of(task: &Task, queue: &str, priority: u8, tag: &str, now: Timestamp) -> Envelope {
        let mut headers = task.headers();
        headers.insert(ENQUEUED.to_owned(), json!(now.as_millisecond() as f64 / 1000.0));
        let envelope = json!({
            "body": body::encode(&task.body()),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": {
                "correlation_id": task.id,
                "reply_to": task.reply_to,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": priority,
                "body_encoding": "base64",
                "delivery_tag": tag,
            },
        });
        match envelope {
            Value::Object(map) => Envelope(map),
            _ => Envelope(Map::new()),
        }
    }

    /// A message that is not a task: remote control's.
    pub(crate) fn control(document: &Value, headers: Value, exchange: &str, tag: &str) -> Envelope {
        let envelope = json!({
            "body": body::encode(document),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": {
                "delivery_mode": 1,
                "delivery_info": {"exchange": exchange, "routing_key": ""},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": tag,
            },
        });
        match envelope {
            Value::Object(map) => Envelope(map),
            _ => Envelope(Map::new()),
        }
    }

    /// As it is written into a list.
    pub fn encode(&self) -> Vec<u8> {
        Value::Object(self.0.clone()).to_string().into_bytes()
    }

    /// The task in it.
    ///
    /// # Errors
    /// When the body is pickled or in another format than JSON, or malformed.
    pub fn task(&self) -> Result<Task, Problem> {
        let body = body::decode(&self.0)?;
        Task::read(self.headers(), self.properties(), body)
    }

    /// The document in its body.
    ///
    /// # Errors
    /// As [`Self::task`].
    pub fn document(&self) -> Result<Value, Problem> {
        body::decode(&self.0)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.headers()?.get(name).filter(|v| !v.is_null())
    }

    /// The task's id, where it stands in the headers (protocol 2).
    pub fn id(&self) -> Option<&str> {
        self.header("id")?.as_str()
    }

    /// The task's name, where it stands in the headers (protocol 2).
    pub fn name(&self) -> Option<&str> {
        self.header("task")?.as_str()
    }

    /// Which delivery it is.
    pub fn tag(&self) -> Option<&str> {
        self.properties()?.get("delivery_tag")?.as_str()
    }

    /// Its priority as it was given.
    pub fn priority(&self) -> u8 {
        let priority = self.properties().and_then(|p| p.get("priority")).and_then(Value::as_u64);
        priority.map_or(0, |p| u8::try_from(p).unwrap_or(u8::MAX))
    }

    /// Exchange and routing key.
    pub fn route(&self) -> (&str, &str) {
        let info = self.properties().and_then(|p| p.get("delivery_info"));
        let text = |name: &str| info.and_then(|i| i.get(name)).and_then(Value::as_str).unwrap_or_default();
        (text("exchange"), text("routing_key"))
    }

    /// When it may run at the earliest.
    pub fn eta(&self) -> Option<Timestamp> {
        time::moment(self.header("eta")?.as_str()?)
    }

    /// The hard time limit in seconds.
    pub fn hard_limit(&self) -> Option<f64> {
        self.header("timelimit")?.get(0)?.as_f64()
    }

    /// When it was put into its queue, where skala's producer, or the application, wrote so.
    pub fn enqueued(&self) -> Option<f64> {
        self.header(ENQUEUED)?.as_f64()
    }

    /// How often it was given back because its worker died.
    pub fn losses(&self) -> u32 {
        self.header(LOSSES).and_then(Value::as_u64).map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// Whether it was delivered before.
    pub fn is_redelivered(&self) -> bool {
        self.header("redelivered") == Some(&Value::Bool(true))
    }

    /// Marks it as kombu does when it gives a message back.
    pub fn redeliver(&mut self) {
        self.set_header("redelivered", Value::Bool(true));
        if let Some(Value::Object(info)) = self.0.get_mut("properties").and_then(|p| p.get_mut("delivery_info")) {
            info.insert("redelivered".to_owned(), Value::Bool(true));
        }
    }

    /// Counts a lost worker.
    pub fn count_loss(&mut self) {
        let losses = self.losses().saturating_add(1);
        self.set_header(LOSSES, losses.into());
    }

    /// Writes down why it is dead.
    pub fn bury(&mut self, cause: &str) {
        self.set_header(CAUSE, cause.into());
    }

    fn set_header(&mut self, name: &str, value: Value) {
        let headers = self.0.entry("headers").or_insert(Value::Null);
        if !headers.is_object() {
            // A message without headers, or with nonsense there: a loss that is not counted would be given back for ever.
            *headers = Value::Object(Map::new());
        }
        if let Value::Object(headers) = headers {
            headers.insert(name.to_owned(), value);
        }
    }

    fn headers(&self) -> Option<&Map<String, Value>> {
        self.0.get("headers")?.as_object()
    }

    fn properties(&self) -> Option<&Map<String, Value>> {
        self.0.get("properties")?.as_object()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str = r#"{"body":"[[1,2],{},{}]","content-type":"application/json","headers":{"task":"t.add","id":"a"},
        "properties":{"delivery_info":{"exchange":"","routing_key":"q"},"delivery_tag":"d"}}"#;

    fn check(text: &str, expected: Expect) {
        let read = Envelope::parse(text.as_bytes()).and_then(|e| e.task());
        let shown = match read {
            Ok(task) => format!("{} {} {:?} {}", task.id, task.name, task.args, Value::Object(task.kwargs)),
            Err(problem) => problem.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn bodies() {
        check(PLAIN, expect!["a t.add [Number(1), Number(2)] {}"]);
        let with = |kind: &str, encoding: &str, compression: &str, body: &str| {
            json!({"body": body, "content-type": kind, "headers": {"task": "t", "id": "a", "compression": compression},
                "properties": {"body_encoding": encoding}})
            .to_string()
            .replace("\"compression\":\"\"", "\"compression\":null")
        };
        check(&with("application/json", "base64", "", "W1s3XSx7fSx7fV0="), expect!["a t [Number(7)] {}"]);
        let zlib = "eJyLjjaP1amuBaJYABZYA/A=";
        check(&with("application/json", "base64", "application/x-gzip", zlib), expect!["a t [Number(7)] {}"]);
        check(
            &with("application/json", "base64", "application/x-bz2", zlib),
            expect![[r#"the body's compression "application/x-bz2" is not supported: gzip and zlib are"#]],
        );
        check(
            &with("application/x-python-serialize", "base64", "", "gAR9"),
            expect!["the body is pickled, which is refused always: set task_serializer = 'json' in the application"],
        );
        check(
            &with("application/x-yaml", "base64", "", "gAR9"),
            expect![[r#"the body's content type "application/x-yaml" is not supported: application/json is"#]],
        );
        check(
            &with("application/json", "base64", "", "%"),
            expect!["the message is malformed: its body is no base64: Invalid symbol 37, offset 0."],
        );
        check("[]", expect!["the message is malformed: it is no JSON object"]);
        check("{}", expect!["the message is malformed: it has no body"]);
    }

    #[test]
    fn protocol_1_has_the_task_in_its_body() {
        let old = r#"{"body":"{\"task\":\"t.add\",\"id\":\"x\",\"args\":[1],\"kwargs\":{\"y\":2},\"retries\":1,\"eta\":null,\"timelimit\":[10,null],\"callbacks\":null,\"chord\":null}",
            "content-type":"application/json","headers":{},"properties":{}}"#;
        check(old, expect![[r#"x t.add [Number(1)] {"y":2}"#]]);
    }

    #[test]
    fn given_back_it_differs_only_in_what_kombu_changes() {
        let mut envelope = Envelope::parse(PLAIN.as_bytes()).unwrap();
        envelope.redeliver();
        envelope.count_loss();
        envelope.count_loss();
        assert_eq!((envelope.losses(), envelope.is_redelivered()), (2, true));
        expect![[r#"{"body":"[[1,2],{},{}]","content-type":"application/json","headers":{"task":"t.add","id":"a","redelivered":true,"skala-losses":2},"properties":{"delivery_info":{"exchange":"","routing_key":"q","redelivered":true},"delivery_tag":"d"}}"#]]
            .assert_eq(&String::from_utf8(envelope.encode()).unwrap());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(name in "[a-z.]{1,20}", n in any::<i64>(), text in ".*", retries in 0..9u32, priority in 0..10u8) {
            let mut task = Task::new("id-1", &name);
            task.args = vec![json!(n), json!(text)];
            task.kwargs.insert("k".to_owned(), json!([null, {"a": text}]));
            task.root_id = Some("root".to_owned());
            task.retries = retries;
            task.eta = Timestamp::from_second(1_700_000_000).ok();
            let envelope = Envelope::of(&task, "q", priority, "tag", Timestamp::UNIX_EPOCH);
            let back = Envelope::parse(&envelope.encode()).unwrap();
            prop_assert_eq!(&back, &envelope);
            prop_assert_eq!((back.priority(), back.route(), back.tag()), (priority, ("", "q"), Some("tag")));
            prop_assert_eq!(back.eta(), task.eta);
            prop_assert_eq!(back.task().unwrap(), task);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Envelope::parse(&bytes).map(|e| e.task());
            let _ = Envelope::parse_unacked(&bytes);
        }
    }
}
