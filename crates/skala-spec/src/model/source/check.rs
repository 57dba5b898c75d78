//! Checks of one source that its types cannot hold.
//!
//! Decides: which sources can be read, and the words for those that cannot.
//! Invariants: a value that may be secret is in no message.
//! Tested: `tests/it/sources.rs`.

use std::time::Duration;

use super::{KafkaSource, RedisSource, Source, Url, url};
use crate::scalar::EnvValue;

/// Bounds of `timeout`.
const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
/// Longest query, header or name, in bytes.
const MAX_TEXT: usize = 64 * 1024;
/// Most brokers, topics or partitions in one source.
const MAX_LIST: usize = 1000;

/// What is wrong with a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProblem {
    /// The field, from the source's own key on: `redis.stream.group`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// The fix.
    pub help: String,
    /// Whether it keeps the source from being read; else it is a warning.
    pub fatal: bool,
}

struct Found {
    kind: &'static str,
    problems: Vec<SourceProblem>,
}

impl Found {
    fn add(&mut self, field: &str, message: impl Into<String>, help: impl Into<String>) {
        let field = if field.is_empty() { self.kind.to_owned() } else { format!("{}.{field}", self.kind) };
        self.problems.push(SourceProblem { field, message: message.into(), help: help.into(), fatal: true });
    }

    fn warn(&mut self, field: &str, message: impl Into<String>, help: impl Into<String>) {
        self.add(field, message, help);
        if let Some(last) = self.problems.last_mut() {
            last.fatal = false;
        }
    }

    /// A URL with one of these schemes.
    fn url(&mut self, field: &str, value: &EnvValue, schemes: [&str; 2]) {
        match Url::parse(value.expose()) {
            Ok(url) if !schemes.contains(&url.scheme.as_str()) => {
                self.add(field, "this URL has another scheme", format!("write `{}://` or `{}://`", schemes[0], schemes[1]));
            }
            Ok(url) => self.plain_password(field, value, &url),
            Err(reason) => self.add(field, format!("this {reason}"), format!("write it like `{}://host:port`", schemes[0])),
        }
    }

    fn plain_password(&mut self, field: &str, value: &EnvValue, url: &Url) {
        if url.password.is_some() && matches!(value, EnvValue::Plain(_)) {
            self.warn(field, "a password stands in the file", "take the value from `\"${VARIABLE}\"` or `{file: path}`");
        }
    }

    fn text(&mut self, field: &str, text: &str) {
        if text.trim().is_empty() {
            self.add(field, "this text is empty", "give it a value");
        } else if text.len() > MAX_TEXT {
            self.add(field, "this text is longer than 64 KiB", "make it shorter");
        } else if text.contains('\0') {
            self.add(field, "this text has a zero byte in it", "remove it");
        }
    }

    fn headers(&mut self, headers: &std::collections::BTreeMap<String, EnvValue>) {
        for (name, value) in headers {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(token) {
                self.add("headers", "a name here is no header's name", "use letters, digits and `-`");
            } else if !value.expose().bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f)) {
                self.add(&format!("headers.{name}"), "this value has a line end or another control character", "remove it");
            }
        }
    }
}

pub(super) fn problems(source: &Source) -> Vec<SourceProblem> {
    let mut found = Found { kind: source.kind(), problems: Vec::new() };
    match source {
        Source::Prometheus(s) => {
            found.url("server", &s.server, ["http", "https"]);
            found.text("query", &s.query);
            found.headers(&s.headers);
            if s.bearer_token.is_some() && s.username.is_some() {
                found.add("bearerToken", "`bearerToken` and `username` exclude each other", "keep one");
            }
        }
        Source::Http(s) => {
            found.url("url", &s.url, ["http", "https"]);
            found.headers(&s.headers);
            if !s.path.is_empty() && !s.path.starts_with('/') {
                found.add("path", "this is no JSON pointer", "begin it with `/`, such as `/queue/0/waiting`");
            }
            if s.bearer_token.is_some() && s.username.is_some() {
                found.add("bearerToken", "`bearerToken` and `username` exclude each other", "keep one");
            }
        }
        Source::Redis(s) => redis(s, &mut found),
        Source::Postgres(s) => {
            found.text("connection", s.connection.expose());
            found.text("query", &s.query);
        }
        Source::Rabbitmq(s) => {
            found.url("host", &s.host, ["http", "https"]);
            found.text("queue", &s.queue);
            found.text("vhost", &s.vhost);
        }
        Source::Nats(s) => {
            found.url("url", &s.url, ["http", "https"]);
            found.text("account", &s.account);
            found.text("stream", &s.stream);
            found.text("consumer", &s.consumer);
        }
        Source::Kafka(s) => kafka(s, &mut found),
    }
    if !TIMEOUTS.contains(&source.timeout()) {
        found.add("timeout", "this timeout is out of range", "use 10ms to 60s");
    }
    found.problems.sort_by_key(|p| !p.fatal);
    found.problems
}

fn redis(source: &RedisSource, found: &mut Found) {
    if source.address.expose().contains("://") {
        found.url("address", &source.address, ["redis", "rediss"]);
    } else if !matches!(url::split_port(source.address.expose()), Ok((host, _)) if !host.is_empty()) {
        found.add("address", "this is no address", "write it like `redis://host:6379` or `host:6379`");
    }
    if source.key().is_none() {
        match &source.stream {
            Some(stream) if stream.group.is_none() => found.add("stream.group", "`group` is missing", "name the consumer group"),
            _ => found.add("", "this must name exactly one key", "write one of list, set, sortedSet, hash, stream"),
        }
    }
    let keys = [("list", &source.list), ("set", &source.set), ("sortedSet", &source.sorted_set), ("hash", &source.hash)];
    for (field, key) in keys {
        if let Some(key) = key {
            found.text(field, key);
        }
    }
}

fn kafka(source: &KafkaSource, found: &mut Found) {
    if source.brokers.is_empty() {
        found.add("brokers", "the list is empty", "name at least one broker: `host:9092`");
    }
    for broker in &source.brokers {
        if !matches!(url::split_port(broker), Ok((host, Some(_))) if !host.is_empty() && !host.contains('/')) {
            found.add("brokers", "a broker here is no address", "write each as `host:9092`");
            break;
        }
    }
    found.text("group", &source.group);
    source.topics.iter().for_each(|topic| found.text("topics", topic));
    let lists = [("brokers", source.brokers.len()), ("topics", source.topics.len()), ("partitions", source.partitions.len())];
    for (field, length) in lists {
        if length > MAX_LIST {
            found.add(field, "this list is too long", format!("name at most {MAX_LIST}"));
        }
    }
    let excluded = [
        ("limitToPartitionsWithLag", source.limit_to_partitions_with_lag),
        ("ensureEvenDistribution", source.ensure_even_distribution),
    ];
    for (field, given) in excluded {
        if given && source.allow_idle_consumers {
            found.add(field, format!("`{field}` and `allowIdleConsumers` exclude each other"), "keep one");
        }
    }
    if source.limit_to_partitions_with_lag && source.topics.is_empty() {
        found.add("limitToPartitionsWithLag", "this needs to know the topic", "add `topics:`");
    }
    if source.sasl.is_some() && source.tls.is_none() {
        found.warn("sasl", "the password travels in the clear", "add `tls: {}`");
    }
}
