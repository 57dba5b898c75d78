//! A KEDA ScaledObject and its triggers.
//!
//! Method: a trigger becomes a source of the `Autoscaler` grammar with KEDA's default target; cron becomes a window; cpu and memory
//!   become metrics.

use serde_json::{Map, Value, json};

use super::{Imported, text};

pub(super) fn import(imported: &mut Imported, object: &str, manifest: &Value) {
    let mut target = manifest.pointer("/spec/scaleTargetRef").cloned().unwrap_or(json!({}));
    if target.get("kind").is_none() {
        target["kind"] = json!("Deployment");
        target["apiVersion"] = json!("apps/v1");
    }
    let name = text(&target, "/name").to_owned();
    let number = |field: &str| manifest.pointer(&format!("/spec/{field}")).and_then(Value::as_i64);
    let mut spec = Map::new();
    spec.insert("scaleTargetRef".into(), target);
    spec.insert("minReplicas".into(), json!(number("minReplicaCount").unwrap_or(0)));
    spec.insert("maxReplicas".into(), json!(number("maxReplicaCount").unwrap_or(100)));
    if let Some(idle) = number("idleReplicaCount") {
        spec.insert("idleReplicas".into(), json!(idle));
    }
    spec.insert("cooldown".into(), json!(format!("{}s", number("cooldownPeriod").unwrap_or(300))));
    if let Some(seconds) = number("initialCooldownPeriod") {
        spec.insert("initialCooldown".into(), json!(format!("{seconds}s")));
    }
    if number("pollingInterval").is_some() {
        imported.note(object, "spec.pollingInterval", "every source is read once per sync period");
    }
    if manifest.pointer("/spec/advanced/restoreToOriginalReplicaCount").is_some() {
        imported.note(object, "spec.advanced.restoreToOriginalReplicaCount", "the size stays when an autoscaler is deleted");
    }
    if let Some(behavior) = manifest.pointer("/spec/advanced/horizontalPodAutoscalerConfig/behavior") {
        spec.insert("behavior".into(), behavior.clone());
    }
    if let Some(formula) = manifest.pointer("/spec/advanced/scalingModifiers").filter(|f| !text(f, "/formula").is_empty()) {
        let kind = if text(formula, "/metricType") == "Value" { "value" } else { "averageValue" };
        let mut own = json!({"expression": text(formula, "/formula"), kind: text(formula, "/target")});
        if let Some(activation) = formula.get("activationTarget") {
            own["activation"] = activation.clone();
        }
        spec.insert("formula".into(), own);
    }
    for key in manifest.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten().map(|(k, _)| k) {
        if key.starts_with("autoscaling.keda.sh/") {
            imported.note(object, key, "pausing is not carried over: use `paused`");
        }
    }
    let fallback = manifest.pointer("/spec/fallback").filter(|f| f.is_object());
    let (mut triggers, mut metrics, mut windows) = (Vec::new(), Vec::new(), Vec::new());
    let all = manifest.pointer("/spec/triggers").and_then(Value::as_array).cloned().unwrap_or_default();
    for (i, trigger) in all.iter().enumerate() {
        let field = format!("spec.triggers[{i}]");
        if trigger.get("authenticationRef").is_some() {
            let reason = "credentials are not carried over: name them with ${VARIABLE} in the source";
            imported.note(object, &format!("{field}.authenticationRef"), reason);
        }
        let meta = Meta { trigger };
        let kind = text(trigger, "/type");
        match kind {
            "cpu" | "memory" => metrics.push(resource(trigger, &meta)),
            "cron" => windows.push(json!({"name": format!("cron-{i}"), "start": meta.get("start"), "end": meta.get("end"),
                "timezone": meta.get("timezone"), "minReplicas": meta.number("desiredReplicas").unwrap_or(json!(1))})),
            _ => match source(&meta, kind) {
                Err(reason) => imported.note(object, &field, reason),
                Ok((source, default, threshold, activation)) => {
                    let mut own = Map::new();
                    let given = Some(text(trigger, "/name")).filter(|n| !n.is_empty()).map(str::to_owned);
                    own.insert("name".into(), json!(given.unwrap_or_else(|| format!("{kind}-{i}"))));
                    own.extend(source);
                    let goal = if text(trigger, "/metricType") == "Value" { "value" } else { "averageValue" };
                    own.insert(goal.into(), json!(meta.given(threshold).unwrap_or(default)));
                    if let Some(activation) = meta.given(activation) {
                        own.insert("activation".into(), json!(activation));
                    }
                    if let Some(fallback) = fallback {
                        own.insert("fallback".into(), fallback.clone());
                    }
                    triggers.push(Value::Object(own));
                }
            },
        }
    }
    for (key, list) in [("metrics", metrics), ("triggers", triggers), ("windows", windows)] {
        if !list.is_empty() {
            spec.insert(key.into(), Value::Array(list));
        }
    }
    imported.scale(object, &name, text(manifest, "/metadata/namespace"), spec);
}

/// A trigger's metadata: texts.
struct Meta<'a> {
    trigger: &'a Value,
}

impl Meta<'_> {
    fn given(&self, key: &str) -> Option<&str> {
        self.trigger.get("metadata")?.get(key)?.as_str().filter(|v| !v.is_empty())
    }

    fn get(&self, key: &str) -> &str {
        self.given(key).unwrap_or_default()
    }

    fn number(&self, key: &str) -> Option<Value> {
        self.given(key)?.parse::<i64>().ok().map(|n| json!(n))
    }

    /// A text given directly, or the variable that holds it.
    fn or_env(&self, key: &str) -> Result<String, String> {
        match (self.given(key), self.given(&format!("{key}FromEnv"))) {
            (Some(text), _) => Ok(text.to_owned()),
            (None, Some(variable)) => Ok(format!("${{{variable}}}")),
            (None, None) => Err(format!("metadata.{key} is not there")),
        }
    }
}

fn resource(trigger: &Value, meta: &Meta<'_>) -> Value {
    let kind = text(trigger, "/metricType");
    let kind = if kind.is_empty() { meta.given("type").unwrap_or("Utilization") } else { kind };
    let target = match kind {
        "AverageValue" => json!({"type": "AverageValue", "averageValue": meta.get("value")}),
        _ => json!({"type": "Utilization", "averageUtilization": meta.number("value")}),
    };
    let name = text(trigger, "/type");
    match meta.given("containerName") {
        Some(container) => json!({"type": "ContainerResource",
            "containerResource": {"name": name, "container": container, "target": target}}),
        None => json!({"type": "Resource", "resource": {"name": name, "target": target}}),
    }
}

/// The source, KEDA's default target, and the names of target and activation.
type Found = (Map<String, Value>, &'static str, &'static str, &'static str);

fn source(meta: &Meta<'_>, kind: &str) -> Result<Found, String> {
    let (key, mut body, default, threshold, activation) = match kind {
        "prometheus" => {
            let body = json!({"server": meta.or_env("serverAddress")?, "query": meta.get("query")});
            ("prometheus", body, "1", "threshold", "activationThreshold")
        }
        "redis" => {
            let body = json!({"address": address(meta)?, "list": meta.get("listName")});
            ("redis", body, "5", "listLength", "activationListLength")
        }
        "redis-streams" => {
            let by = ["pendingEntriesCount", "lagCount", "streamLength"].into_iter().find(|k| meta.given(k).is_some());
            let threshold = by.unwrap_or("pendingEntriesCount");
            let by = match threshold {
                "lagCount" => "lag",
                "streamLength" => "length",
                _ => "pending",
            };
            let mut stream = json!({"key": meta.get("stream"), "by": by});
            if let Some(group) = meta.given("consumerGroup") {
                stream["group"] = json!(group);
            }
            ("redis", json!({"address": address(meta)?, "stream": stream}), "5", threshold, "activationLagCount")
        }
        "postgresql" => {
            let parts = || {
                let part = |key: &str, name: &str| meta.given(key).map(|v| format!("{name}={v}"));
                let all =
                    [("host", "host"), ("port", "port"), ("userName", "user"), ("dbName", "dbname"), ("sslmode", "sslmode")];
                all.into_iter().filter_map(|(key, name)| part(key, name)).collect::<Vec<_>>().join(" ")
            };
            let connection = meta.or_env("connection").unwrap_or_else(|_| parts());
            let body = json!({"connection": connection, "query": meta.get("query")});
            ("postgres", body, "1", "targetQueryValue", "activationTargetQueryValue")
        }
        "kafka" => {
            let brokers: Vec<&str> = meta.get("bootstrapServers").split(',').map(str::trim).collect();
            let mut body = json!({"brokers": brokers, "group": meta.get("consumerGroup")});
            if let Some(topic) = meta.given("topic") {
                body["topics"] = json!([topic]);
            }
            if let Some(reset) = meta.given("offsetResetPolicy") {
                body["offsetReset"] = json!(reset);
            }
            for (theirs, ours) in [
                ("allowIdleConsumers", "allowIdleConsumers"),
                ("limitToPartitionsWithLag", "limitToPartitionsWithLag"),
                ("excludePersistentLag", "excludePersistentLag"),
                ("ensureEvenDistributionOfPartitions", "ensureEvenDistribution"),
                ("scaleToZeroOnInvalidOffset", "scaleToZeroOnInvalidOffset"),
            ] {
                if let Some(value) = meta.given(theirs) {
                    body[ours] = json!(value == "true");
                }
            }
            ("kafka", body, "10", "lagThreshold", "activationLagThreshold")
        }
        "rabbitmq" => {
            let host = meta.or_env("host")?;
            if host.starts_with("amqp") {
                return Err("RabbitMQ is read over its management API (http), not over AMQP".to_owned());
            }
            let by = match meta.given("mode") {
                None | Some("QueueLength") => "depth",
                Some("MessageRate") => "publishRate",
                Some("DeliverGetRate") => "deliverRate",
                Some("PublishedToDeliveredRatio") => "publishedToDelivered",
                Some("ExpectedQueueConsumptionTime") => "consumptionTime",
                Some(other) => return Err(format!("mode {other} is not known")),
            };
            let mut body = json!({"host": host, "queue": meta.get("queueName"), "by": by});
            if let Some(vhost) = meta.given("vhostName") {
                body["vhost"] = json!(vhost);
            }
            ("rabbitmq", body, "20", "value", "activationValue")
        }
        "nats-jetstream" => {
            let endpoint = meta.or_env("natsServerMonitoringEndpoint")?;
            let scheme = if meta.get("useHttps") == "true" { "https" } else { "http" };
            let mut body =
                json!({"url": format!("{scheme}://{endpoint}"), "stream": meta.get("stream"), "consumer": meta.get("consumer")});
            if let Some(account) = meta.given("account") {
                body["account"] = json!(account);
            }
            ("nats", body, "10", "lagThreshold", "activationLagThreshold")
        }
        other => return Err(format!("there is no trigger of type '{other}' here")),
    };
    if kind == "prometheus" && meta.get("ignoreNullValues") == "false" {
        body["ignoreNull"] = json!(false);
    }
    if let ("redis" | "redis-streams", Some(database)) = (kind, meta.number("databaseIndex")) {
        body["database"] = database;
    }
    Ok((Map::from_iter([(key.to_owned(), body)]), default, threshold, activation))
}

fn address(meta: &Meta<'_>) -> Result<String, String> {
    let address = match (meta.given("host"), meta.given("port")) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        _ => meta.or_env("address")?,
    };
    let secure = meta.get("enableTLS") == "true" && !address.contains("://");
    Ok(if secure { format!("rediss://{address}") } else { address })
}
