//! Objects in their proper form: types checked, unknown fields gone, defaults filled in, mistakes refused.
//!
//! Decides: whether an object is one of its kind, and what it is in full.
//! Inputs: an object in its storage version.
//! Method: built-in kinds go through the types of `k8s-openapi` and back, which checks types and drops what is unknown, as the
//!   real server's decoder does; then a few of the server's own defaults and checks, those that scaling touches. Custom
//!   resources go through their schema.
//! Invariants: a normal object stays as it is.
//! Tested: `tests/kubernetes/`.

use k8s_openapi::api::{apps, autoscaling, coordination, core, rbac};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::schema;
use super::selectors::Labels;
use super::status::{Cause, Status};
use super::write::Unknown;
use super::{index, meta};

/// Brings an object into its proper form; answers warnings, too.
pub(crate) fn normalise(kind: &Kind, version: &str, mut object: Value, unknown: Unknown) -> Result<(Value, Vec<String>), Status> {
    let mut dropped = Vec::new();
    let mut normal = match kind.custom {
        true => {
            let metadata = typed::<ObjectMeta>(kind, object["metadata"].clone())?;
            lost(&object["metadata"], &metadata, "metadata", &mut dropped);
            object["metadata"] = metadata;
            let schema = kind.versions.iter().find(|v| v.name == version).and_then(|v| v.schema.as_ref());
            if let Some(schema) = schema {
                schema::apply_defaults(schema, &mut object);
                schema::prune(schema, &mut object, "", true, &mut dropped);
                let causes = schema::validate(schema, &object);
                if !causes.is_empty() {
                    return Err(Status::invalid(&kind.group, &kind.kind, meta::text(&object, "name"), &causes));
                }
            }
            object
        }
        false => {
            defaults(kind, &mut object);
            let normal = built_in(kind, object.clone())?;
            lost(&object, &normal, "", &mut dropped);
            normal
        }
    };
    if normal["metadata"]["creationTimestamp"].is_null()
        && let Some(metadata) = normal["metadata"].as_object_mut()
    {
        metadata.shift_remove("creationTimestamp");
    }
    let told: Vec<String> = dropped.iter().map(|path| format!("unknown field {path:?}")).collect();
    match unknown {
        Unknown::Ignore => Ok((normal, Vec::new())),
        Unknown::Warn => Ok((normal, told)),
        Unknown::Strict if told.is_empty() => Ok((normal, told)),
        Unknown::Strict => {
            let message = format!(
                "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                kind.kind,
                version,
                kind.kind,
                told.join(", ")
            );
            Err(Status::bad_request(message))
        }
    }
}

fn built_in(kind: &Kind, object: Value) -> Result<Value, Status> {
    match kind.key().as_str() {
        "namespaces" => typed::<core::v1::Namespace>(kind, object),
        "nodes" => typed::<core::v1::Node>(kind, object),
        "pods" => typed::<core::v1::Pod>(kind, object),
        "events" => typed::<core::v1::Event>(kind, object),
        "configmaps" => typed::<core::v1::ConfigMap>(kind, object),
        "secrets" => typed::<core::v1::Secret>(kind, object),
        "services" => typed::<core::v1::Service>(kind, object),
        "serviceaccounts" => typed::<core::v1::ServiceAccount>(kind, object),
        "deployments.apps" => typed::<apps::v1::Deployment>(kind, object),
        "statefulsets.apps" => typed::<apps::v1::StatefulSet>(kind, object),
        "replicasets.apps" => typed::<apps::v1::ReplicaSet>(kind, object),
        "horizontalpodautoscalers.autoscaling" => typed::<autoscaling::v2::HorizontalPodAutoscaler>(kind, object),
        "leases.coordination.k8s.io" => typed::<coordination::v1::Lease>(kind, object),
        "customresourcedefinitions.apiextensions.k8s.io" => typed::<apiextensions::v1::CustomResourceDefinition>(kind, object),
        "roles.rbac.authorization.k8s.io" => typed::<rbac::v1::Role>(kind, object),
        "rolebindings.rbac.authorization.k8s.io" => typed::<rbac::v1::RoleBinding>(kind, object),
        "clusterroles.rbac.authorization.k8s.io" => typed::<rbac::v1::ClusterRole>(kind, object),
        "clusterrolebindings.rbac.authorization.k8s.io" => typed::<rbac::v1::ClusterRoleBinding>(kind, object),
        _ => Ok(object),
    }
}

/// Through a type and back.
fn typed<T: DeserializeOwned + Serialize>(kind: &Kind, object: Value) -> Result<Value, Status> {
    let wrong = |error: serde_json::Error| {
        let (kind, version) = (&kind.kind, &kind.storage);
        Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {error}"))
    };
    let object: T = serde_json::from_value(object).map_err(wrong)?;
    serde_json::to_value(object).map_err(Status::internal)
}

/// Names the members of `given` that `kept` lacks.
fn lost(given: &Value, kept: &Value, path: &str, into: &mut Vec<String>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (name, value) in given.iter().filter(|(_, v)| !v.is_null()) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match kept.get(name) {
                    Some(kept) => lost(value, kept, &path, into),
                    None => into.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (at, (given, kept)) in given.iter().zip(kept).enumerate() {
                lost(given, kept, &format!("{path}[{at}]"), into);
            }
        }
        _ => {}
    }
}

/// Puts a value where there is none.
fn default(object: &mut Value, path: &[&str], value: Value) {
    let Some((last, way)) = path.split_last() else { return };
    let mut at = object;
    for part in way {
        let Some(members) = at.as_object_mut() else { return };
        at = members.entry(*part).or_insert_with(|| json!({}));
    }
    if let Some(members) = at.as_object_mut()
        && members.get(*last).is_none_or(Value::is_null)
    {
        members.insert((*last).to_owned(), value);
    }
}

fn defaults(kind: &Kind, object: &mut Value) {
    match kind.key().as_str() {
        "pods" => {
            default(object, &["spec", "restartPolicy"], json!("Always"));
            default(object, &["spec", "terminationGracePeriodSeconds"], json!(30));
            default(object, &["status", "phase"], json!("Pending"));
        }
        "namespaces" => {
            default(object, &["spec", "finalizers"], json!([]));
            default(object, &["status", "phase"], json!("Active"));
        }
        "deployments.apps" => {
            default(object, &["spec", "replicas"], json!(1));
            default(object, &["spec", "strategy", "type"], json!("RollingUpdate"));
        }
        "replicasets.apps" => {
            default(object, &["spec", "replicas"], json!(1));
            default(object, &["status", "replicas"], json!(0));
        }
        "statefulsets.apps" => {
            default(object, &["spec", "replicas"], json!(1));
            default(object, &["spec", "podManagementPolicy"], json!("OrderedReady"));
            default(object, &["status", "replicas"], json!(0));
        }
        "horizontalpodautoscalers.autoscaling" => {
            default(object, &["spec", "minReplicas"], json!(1));
            let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}});
            default(object, &["spec", "metrics"], json!([cpu]));
            default(object, &["status", "desiredReplicas"], json!(0));
        }
        _ => {}
    }
}

/// The server's own checks, those that scaling touches.
pub(crate) fn check(kind: &Kind, object: &Value, stored: Option<&Value>) -> Result<(), Status> {
    let mut causes = Vec::new();
    let spec = &object["spec"];
    let number = |member: &str| spec[member].as_i64();
    match kind.key().as_str() {
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" => {
            if number("replicas").is_some_and(|n| n < 0) {
                causes.push(Cause::invalid("spec.replicas", &spec["replicas"], "must be greater than or equal to 0"));
            }
            let selector = Labels::of_object(&spec["selector"]);
            let labels = &spec["template"]["metadata"]["labels"];
            if selector.is_empty() {
                causes.push(Cause::required("spec.selector"));
            } else if !selector.select(&index::strings(labels)) {
                let why = "`selector` does not match template `labels`";
                causes.push(Cause::invalid("spec.template.metadata.labels", labels, why));
            }
            if stored.is_some_and(|stored| stored["spec"]["selector"] != spec["selector"]) {
                causes.push(Cause::invalid("spec.selector", &spec["selector"], "field is immutable"));
            }
        }
        "horizontalpodautoscalers.autoscaling" => {
            let (min, max) = (number("minReplicas").unwrap_or(1), number("maxReplicas").unwrap_or(0));
            if min < 0 {
                causes.push(Cause::invalid("spec.minReplicas", &spec["minReplicas"], "must be greater than or equal to 0"));
            }
            if max < 1 {
                causes.push(Cause::invalid("spec.maxReplicas", &spec["maxReplicas"], "must be greater than 0"));
            } else if max < min {
                let why = "must be greater than or equal to `minReplicas`";
                causes.push(Cause::invalid("spec.maxReplicas", &spec["maxReplicas"], why));
            }
            let outside = |m: &Value| matches!(m["type"].as_str(), Some("Object" | "External"));
            if min == 0 && !spec["metrics"].as_array().is_some_and(|m| m.iter().any(outside)) {
                let why = "must specify at least one Object or External metric to support scaling to zero replicas";
                causes.push(Cause::invalid("spec.metrics", &spec["metrics"], why));
            }
        }
        "pods" if stored.is_none() && spec["containers"].as_array().is_none_or(Vec::is_empty) => {
            causes.push(Cause::required("spec.containers"));
        }
        _ => {}
    }
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(&kind.group, &kind.kind, meta::text(object, "name"), &causes)) }
}
