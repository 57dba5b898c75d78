//! Sources: what is read, with which defaults, and what is refused.

use expect_test::{Expect, expect};
use skala_spec::model::{RedisKey, Source};

fn read(text: &str) -> Source {
    serde_json::from_str(text).expect("a row is a source")
}

#[test]
fn defaults_are_those_of_the_docs() {
    let check = |text: &str, expected: Expect| expected.assert_eq(&serde_json::to_string(&read(text)).unwrap());
    check(
        r#"{"prometheus": {"server": "http://h:9090", "query": "up"}}"#,
        expect![[r#"{"prometheus":{"server":"http://h:9090","query":"up","ignoreNull":true,"timeout":"5s"}}"#]],
    );
    check(
        r#"{"redis": {"address": "h:6379", "list": "celery"}}"#,
        expect![[r#"{"redis":{"address":"h:6379","list":"celery","timeout":"5s"}}"#]],
    );
    check(
        r#"{"postgres": {"connection": "postgres://u:p@h/d", "query": "SELECT 1"}}"#,
        expect![[r#"{"postgres":{"connection":"***","query":"SELECT 1","timeout":"5s"}}"#]],
    );
    check(
        r#"{"rabbitmq": {"host": "http://h:15672", "queue": "q"}}"#,
        expect![[r#"{"rabbitmq":{"host":"http://h:15672","vhost":"/","queue":"q","by":"depth","timeout":"5s"}}"#]],
    );
    check(
        r#"{"nats": {"url": "http://h:8222", "stream": "S", "consumer": "c"}}"#,
        expect![[r#"{"nats":{"url":"http://h:8222","account":"$G","stream":"S","consumer":"c","timeout":"5s"}}"#]],
    );
    check(
        r#"{"kafka": {"brokers": ["h:9092"], "group": "g"}}"#,
        expect![[
            r#"{"kafka":{"brokers":["h:9092"],"group":"g","offsetReset":"latest","allowIdleConsumers":false,"limitToPartitionsWithLag":false,"excludePersistentLag":false,"ensureEvenDistribution":false,"scaleToZeroOnInvalidOffset":false,"timeout":"5s"}}"#
        ]],
    );
    check(
        r#"{"http": {"url": "http://h/stats", "path": "/n", "timeout": "250ms"}}"#,
        expect![[r#"{"http":{"url":"http://h/stats","path":"/n","timeout":"250ms"}}"#]],
    );
}

#[test]
fn what_is_written_reads_back_as_the_same_source() {
    let text =
        r#"{"redis": {"address": "redis://h:6379/1", "stream": {"key": "s", "group": "g", "by": "lag"}, "timeout": "1.5s"}}"#;
    let source = read(text);
    assert_eq!(read(&serde_json::to_string(&source).unwrap()), source);
    assert_eq!((source.kind(), source.server().as_str(), source.timeout().as_millis()), ("redis", "h:6379", 1500));
}

#[test]
fn a_source_is_exactly_one() {
    for text in [
        "{}",
        r#"{"redis": {"address": "h", "list": "l"}, "http": {"url": "http://h"}}"#,
        r#"{"mysql": {}}"#,
        r#"{"redis": {"address": "h", "list": "l", "lists": "m"}}"#,
        r#"{"redis": {"list": "l"}}"#,
        r#"{"rabbitmq": {"host": "http://h", "queue": "q", "by": "length"}}"#,
        r#"{"http": {"url": "http://h", "timeout": 5}}"#,
        "null",
    ] {
        assert!(serde_json::from_str::<Source>(text).is_err(), "{text}");
    }
}

#[test]
fn keys_of_redis() {
    let key = |more: &str| match read(&format!(r#"{{"redis": {{"address": "h"{more}}}}}"#)) {
        Source::Redis(source) => format!("{:?}", source.key()),
        other => panic!("{other:?} is another kind"),
    };
    assert_eq!(key(r#", "sortedSet": "z""#), format!("{:?}", Some(RedisKey::SortedSet("z"))));
    assert_eq!(key(r#", "stream": {"key": "s"}"#), format!("{:?}", Some(RedisKey::StreamLength("s"))));
    assert_eq!(key(r#", "stream": {"key": "s", "group": "g"}"#), format!("{:?}", Some(RedisKey::StreamPending("s", "g"))));
    assert_eq!(key(r#", "stream": {"key": "s", "by": "lag"}"#), "None");
    assert_eq!(key(r#", "list": "l", "set": "s""#), "None");
    assert_eq!(key(""), "None");
}

#[test]
fn problems() {
    let check = |text: &str, expected: Expect| {
        let problems = read(text).problems();
        let lines = problems
            .iter()
            .map(|p| format!("{} {}: {} ({})\n", if p.fatal { "error" } else { "warning" }, p.field, p.message, p.help));
        expected.assert_eq(&lines.collect::<String>());
    };
    check(r#"{"http": {"url": "http://h"}}"#, expect![""]);
    check(
        r#"{"http": {"url": "h:80", "path": "n", "timeout": "1ms"}}"#,
        expect![[r#"
        error http.url: this has no `scheme://` in front (write it like `http://host:port`)
        error http.path: this is no JSON pointer (begin it with `/`, such as `/queue/0/waiting`)
        error http.timeout: this timeout is out of range (use 10ms to 60s)
    "#]],
    );
    check(
        r#"{"prometheus": {"server": "http://u:hunter2@h", "query": " ", "bearerToken": "t", "username": "u"}}"#,
        expect![[r#"
        error prometheus.query: this text is empty (give it a value)
        error prometheus.bearerToken: `bearerToken` and `username` exclude each other (keep one)
        warning prometheus.server: a password stands in the file (take the value from `"${VARIABLE}"` or `{file: path}`)
    "#]],
    );
    check(
        r#"{"redis": {"address": "http://h", "list": ""}}"#,
        expect![[r#"
        error redis.address: this URL has another scheme (write `redis://` or `rediss://`)
        error redis.list: this text is empty (give it a value)
    "#]],
    );
    check(
        r#"{"redis": {"address": ":1", "stream": {"key": "s", "by": "pending"}}}"#,
        expect![[r#"
        error redis.address: this is no address (write it like `redis://host:6379` or `host:6379`)
        error redis.stream.group: `group` is missing (name the consumer group)
    "#]],
    );
    check(
        r#"{"kafka": {"brokers": ["h"], "group": "g", "allowIdleConsumers": true, "limitToPartitionsWithLag": true, "sasl": {"username": "u", "password": "p"}}}"#,
        expect![[r#"
            error kafka.brokers: a broker here is no address (write each as `host:9092`)
            error kafka.limitToPartitionsWithLag: `limitToPartitionsWithLag` and `allowIdleConsumers` exclude each other (keep one)
            error kafka.limitToPartitionsWithLag: this needs to know the topic (add `topics:`)
            warning kafka.sasl: the password travels in the clear (add `tls: {}`)
        "#]],
    );
    check(
        r#"{"http": {"url": "http://h", "headers": {"X Y": "1", "X-Z": "a\nb"}}}"#,
        expect![[r#"
        error http.headers: a name here is no header's name (use letters, digits and `-`)
        error http.headers.X-Z: this value has a line end or another control character (remove it)
    "#]],
    );
}

#[test]
fn secrets_are_not_shown() {
    for text in [
        r#"{"prometheus": {"server": "http://h", "query": "q", "bearerToken": "hunter2"}}"#,
        r#"{"redis": {"address": {"$secret": "redis://:hunter2@h:1"}, "list": "l"}}"#,
        r#"{"postgres": {"connection": "postgres://u:hunter2@h/d", "query": "q"}}"#,
        r#"{"postgres": {"connection": "host=h password=hunter2", "query": "q"}}"#,
        r#"{"kafka": {"brokers": ["h:1"], "group": "g", "sasl": {"username": "u", "password": "hunter2"}}}"#,
        r#"{"http": {"url": {"$secret": "http://h/?key=hunter2"}, "headers": {"X-Key": {"$secret": "hunter2"}}}}"#,
    ] {
        let source = read(text);
        let shown = format!("{source:?} {} {} {:?}", serde_json::to_string(&source).unwrap(), source.server(), source.problems());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
