//! Trigger `kafka` (and `apache-kafka`, which has the same parameters).
//!
//! Tested: `tests/it/import/keda.rs`.

use serde_json::{Map, Value, json};

use super::super::fields::quoted;
use super::params::{Found, Params};
use super::trigger::Read;

/// Most partitions that a range may name.
const MOST: usize = 1000;

pub(super) fn read(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = Map::new();
    let (Some(brokers), Some(group)) = (p.any("bootstrapServers", "host:9092"), p.any("consumerGroup", "workers")) else {
        p.missing("bootstrapServers` and `consumerGroup");
        return None;
    };
    let brokers: Vec<Value> = match &brokers {
        Found::Plain(text) => text
            .split(',')
            .map(str::trim)
            .filter(|b| !b.is_empty())
            .take(MOST)
            .map(|b| Found::Plain(b.to_owned()).written().into())
            .collect(),
        variable @ Found::Variable(_) => {
            p.note("bootstrapServers", "a variable stands for one broker", "write a list of brokers if it holds several");
            vec![variable.written().into()]
        }
    };
    source.insert("brokers".to_owned(), brokers.into());
    source.insert("group".to_owned(), group.written().into());
    let topic = p.any("topic", "jobs");
    if let Some(topic) = &topic {
        let topics: Vec<Value> = match topic.plain() {
            Some(text) => text
                .split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .take(MOST)
                .map(|t| Found::Plain(t.to_owned()).written().into())
                .collect(),
            None => vec![topic.written().into()],
        };
        source.insert("topics".to_owned(), topics.into());
    }
    partitions(p, &mut source);
    match p.text("offsetResetPolicy") {
        None | Some("latest") => {}
        Some("earliest") => drop(source.insert("offsetReset".to_owned(), "earliest".into())),
        Some(other) => {
            p.note("offsetResetPolicy", format!("{} is none that is known", quoted(other)), "latest is taken; choose one")
        }
    }
    flags(p, &mut source, topic.is_some());
    login(p, &mut source);
    // Any version is read.
    p.metadata.ignore(&["version"]);
    let target = p.number("lagThreshold").filter(|x| *x > 0.0).unwrap_or(10.0);
    let activation = p.number("activationLagThreshold").unwrap_or(0.0);
    let called = topic.as_ref().and_then(Found::plain).unwrap_or("lag").to_owned();
    Some(Read { kind: "kafka", source, target, activation, called })
}

fn flags(p: &mut Params<'_, '_>, source: &mut Map<String, Value>, topic: bool) {
    let names = [
        ("allowIdleConsumers", "allowIdleConsumers"),
        ("limitToPartitionsWithLag", "limitToPartitionsWithLag"),
        ("excludePersistentLag", "excludePersistentLag"),
        ("ensureEvenDistributionOfPartitions", "ensureEvenDistribution"),
        ("scaleToZeroOnInvalidOffset", "scaleToZeroOnInvalidOffset"),
    ];
    for (key, name) in names {
        if !p.flag(key) {
            continue;
        }
        let idle = source.contains_key("allowIdleConsumers");
        match name {
            "limitToPartitionsWithLag" | "ensureEvenDistribution" if idle => {
                p.note(key, "it does not go with allowIdleConsumers", "it is left out; keep one of them");
            }
            "limitToPartitionsWithLag" if !topic => p.note(key, "it needs a topic", "it is left out; add `topics`"),
            name => drop(source.insert(name.to_owned(), true.into())),
        }
    }
}

/// `1,2,5-8`
fn partitions(p: &mut Params<'_, '_>, source: &mut Map<String, Value>) {
    let Some(text) = p.text("partitionLimitation") else { return };
    let mut found: Vec<u32> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|t| !t.is_empty()) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let range = low.trim().parse::<u32>().ok().zip(high.trim().parse::<u32>().ok());
        match range.filter(|(low, high)| low <= high && ((high - low) as usize) + found.len() < MOST) {
            Some((low, high)) => found.extend(low..=high),
            None => {
                return p.note(
                    "partitionLimitation",
                    "this is no list of at most 1000 partitions",
                    "all partitions count; correct it",
                );
            }
        }
    }
    if !found.is_empty() {
        source.insert("partitions".to_owned(), found.into());
    }
}

fn login(p: &mut Params<'_, '_>, source: &mut Map<String, Value>) {
    let sasl = p.any("sasl", "plaintext");
    let kind = sasl.as_ref().and_then(Found::plain).unwrap_or("none").to_owned();
    let login = (p.any("username", "x"), p.any("password", "x"));
    match (kind.as_str(), login) {
        ("none" | "", _) => {}
        ("plaintext", (Some(user), Some(password))) => {
            let password = super::redis::secret(p, "password", &password);
            source.insert("sasl".to_owned(), json!({"username": user.written(), "password": password}));
        }
        ("plaintext", _) => p.note("sasl", "the login is not among the files", "write `sasl: {username: ..., password: ...}`"),
        (other, _) => {
            let reason = format!("the login {} is not supported", quoted(other));
            p.note("sasl", reason, "let the brokers take SASL/PLAIN, or read the lag by `prometheus` from an exporter");
        }
    }
    let encrypted = p.any("tls", "enable").is_some_and(|t| t.plain() == Some("enable"));
    let tls = p.tls("unsafeSsl");
    if encrypted || tls.is_some() {
        source.insert("tls".to_owned(), tls.unwrap_or_default().into());
    }
    p.refuse_certificates();
    p.refuse(
        &[
            "saslTokenProvider",
            "scopes",
            "oauthTokenEndpointUri",
            "oauthExtensions",
            "realm",
            "keytab",
            "kerberosConfig",
            "awsRegion",
            "awsEndpoint",
        ],
        "this login is not supported",
        "let the brokers take SASL/PLAIN",
    );
}
