//! Discovery: what the server serves, in the three forms that clients ask for.
//!
//! Decides: the answers to paths that name no resource.
//! Inputs: the kinds that are known, and which metrics APIs are registered.
//! Method: the older documents (`APIGroupList`, `APIResourceList`), the aggregated one (`apidiscovery.k8s.io/v2`), and as much
//!   of OpenAPI v3 as kubectl needs to leave validation to the server.
//! Tested: `tests/kubernetes/kubectl.rs`, `tests/kubernetes/server.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::api::{Api, State};
use super::handle::{Answer, Asked};
use super::kinds::{Kind, Version};
use super::metrics::{Availability, MetricsApi};
use super::status::Status;

/// The release that the server claims to be: the newest whose rules were read for it.
const RELEASE: (&str, &str) = ("1", "34");

/// By this a client tells the aggregated document from the older ones.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Answers a path that names no resource.
pub(crate) fn answer(api: &Arc<Api>, asked: &Asked) -> Result<Answer, Status> {
    if asked.method != "GET" && asked.method != "HEAD" {
        return Err(Status::no_such_path());
    }
    let parts: Vec<&str> = asked.path.split('/').filter(|p| !p.is_empty()).collect();
    let aggregated = asked
        .accept
        .split(',')
        .any(|media| media.contains("as=APIGroupDiscoveryList") && media.split(';').any(|p| p.trim() == "v=v2"));
    let groups = api.read(groups).into_iter().chain(metrics_groups(api)).collect::<BTreeMap<_, _>>();
    let value = match parts.as_slice() {
        ["healthz" | "livez" | "readyz"] => return Ok(Answer::bytes(200, "ok".into())),
        ["version"] => version(),
        [root @ ("api" | "apis")] if aggregated => {
            let body = aggregated_list(&groups, *root == "api").to_string().into();
            return Ok(Answer::Whole { code: 200, media: AGGREGATED, body, warnings: Vec::new(), retry_after: None });
        }
        ["api"] => json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ["apis"] => {
            let list: Vec<Value> = groups.iter().filter(|(g, _)| !g.is_empty()).map(|(g, v)| group(g, v)).collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list})
        }
        ["apis", name] => match groups.get(*name) {
            Some(versions) => {
                let mut value = group(name, versions);
                value["kind"] = json!("APIGroup");
                value["apiVersion"] = json!("v1");
                value
            }
            None => return Err(Status::no_such_path()),
        },
        ["api", version] => resources(api, &groups, "", version)?,
        ["apis", group, version] => resources(api, &groups, group, version)?,
        ["openapi", "v3"] => {
            let path = |group: &str, version: &str| {
                if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
            };
            let paths = groups.iter().flat_map(|(g, versions)| versions.iter().map(move |(v, _)| path(g, v)));
            let paths: serde_json::Map<String, Value> =
                paths.map(|p| (p.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{p}")}))).collect();
            json!({"paths": paths})
        }
        ["openapi", "v3", "api", version] => openapi(&groups, "", version)?,
        ["openapi", "v3", "apis", group, version] => openapi(&groups, group, version)?,
        _ => return Err(Status::no_such_path()),
    };
    Ok(Answer::json(&value))
}

fn version() -> Value {
    let (major, minor) = RELEASE;
    json!({"major": major, "minor": minor, "gitVersion": format!("v{major}.{minor}.0+skala"), "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2025-01-01T00:00:00Z", "goVersion": "none", "compiler": "none", "platform": "linux/amd64"})
}

/// A resource in a list: its name with a subresource, its kind and its verbs.
struct Row {
    name: String,
    singular: String,
    namespaced: bool,
    kind: String,
    /// Group and version of the kind, where they differ.
    of: Option<(&'static str, &'static str)>,
    verbs: Vec<&'static str>,
    short: Vec<String>,
    categories: Vec<String>,
}

/// Groups with their versions (preferred first) and the rows of each.
type Groups = BTreeMap<String, Vec<(String, Vec<Row>)>>;

fn groups(state: &State) -> Groups {
    let mut groups = Groups::new();
    for kind in state.kinds.values() {
        for version in kind.versions.iter().filter(|v| v.served) {
            let versions = groups.entry(kind.group.clone()).or_default();
            let at = match versions.iter().position(|(name, _)| *name == version.name) {
                Some(at) => at,
                None => {
                    versions.push((version.name.clone(), Vec::new()));
                    versions.len() - 1
                }
            };
            versions[at].1.extend(rows(kind, version));
        }
    }
    let review = Row {
        name: "selfsubjectaccessreviews".to_owned(),
        singular: "selfsubjectaccessreview".to_owned(),
        namespaced: false,
        kind: "SelfSubjectAccessReview".to_owned(),
        of: None,
        verbs: vec!["create"],
        short: Vec::new(),
        categories: Vec::new(),
    };
    groups.insert("authorization.k8s.io".to_owned(), vec![("v1".to_owned(), vec![review])]);
    groups
}

fn rows(kind: &Kind, version: &Version) -> Vec<Row> {
    let row = |sub: &str, kind_name: &str, of, verbs: &[&'static str]| Row {
        name: if sub.is_empty() { kind.plural.clone() } else { format!("{}/{sub}", kind.plural) },
        singular: if sub.is_empty() { kind.singular.clone() } else { String::new() },
        namespaced: kind.namespaced,
        kind: kind_name.to_owned(),
        of,
        verbs: verbs.to_vec(),
        short: if sub.is_empty() { kind.short.clone() } else { Vec::new() },
        categories: if sub.is_empty() { kind.categories.clone() } else { Vec::new() },
    };
    let mut rows = vec![row("", &kind.kind, None, &VERBS)];
    if version.status {
        rows.push(row("status", &kind.kind, None, &["get", "patch", "update"]));
    }
    if version.scale.is_some() {
        rows.push(row("scale", "Scale", Some(("autoscaling", "v1")), &["get", "patch", "update"]));
    }
    if kind.key() == "pods" {
        rows.push(row("eviction", "Eviction", Some(("policy", "v1")), &["create"]));
    }
    rows
}

fn metrics_groups(api: &Api) -> Groups {
    let registered = MetricsApi::ALL.into_iter().filter(|m| api.metrics.availability(*m) != Availability::Missing);
    let versions = |m: MetricsApi| {
        m.versions().iter().map(move |v| ((*v).to_owned(), api.metrics.rows(m).into_iter().map(metric_row).collect()))
    };
    registered.map(|m| (m.group().to_owned(), versions(m).collect())).collect()
}

fn metric_row((name, kind, namespaced, verbs): (String, &'static str, bool, &'static [&'static str])) -> Row {
    let (kind, singular) = (kind.to_owned(), String::new());
    Row { name, singular, namespaced, kind, of: None, verbs: verbs.to_vec(), short: Vec::new(), categories: Vec::new() }
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn group(name: &str, versions: &[(String, Vec<Row>)]) -> Value {
    let versions: Vec<Value> =
        versions.iter().map(|(v, _)| json!({"groupVersion": group_version(name, v), "version": v})).collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
}

fn resources(api: &Api, groups: &Groups, group: &str, version: &str) -> Result<Value, Status> {
    if MetricsApi::of_group(group).is_some_and(|m| api.metrics.availability(m) == Availability::Unavailable) {
        return Err(Status::new(503, "ServiceUnavailable", "service unavailable"));
    }
    let rows = find(groups, group, version)?.iter().map(|row| {
        let mut value = json!({"name": row.name, "singularName": row.singular, "namespaced": row.namespaced, "kind": row.kind, "verbs": row.verbs});
        if let Some((group, version)) = row.of {
            value["group"] = json!(group);
            value["version"] = json!(version);
        }
        if !row.short.is_empty() {
            value["shortNames"] = json!(row.short);
        }
        if !row.categories.is_empty() {
            value["categories"] = json!(row.categories);
        }
        value
    });
    let rows: Vec<Value> = rows.collect();
    Ok(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version(group, version), "resources": rows}))
}

fn find<'a>(groups: &'a Groups, group: &str, version: &str) -> Result<&'a Vec<Row>, Status> {
    let versions = groups.get(group).ok_or_else(Status::no_such_path)?;
    versions.iter().find(|(v, _)| v == version).map(|(_, rows)| rows).ok_or_else(Status::no_such_path)
}

fn aggregated_list(groups: &Groups, core: bool) -> Value {
    let items: Vec<Value> = groups
        .iter()
        .filter(|(name, _)| name.is_empty() == core)
        .map(|(name, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, rows)| json!({"version": version, "freshness": "Current", "resources": aggregated(name, version, rows)}))
                .collect();
            let metadata = if core { json!({"creationTimestamp": null}) } else { json!({"name": name, "creationTimestamp": null}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated(group: &str, version: &str, rows: &[Row]) -> Vec<Value> {
    let kind = |row: &Row| {
        let (group, version) = row.of.unwrap_or((group, version));
        json!({"group": group, "version": version, "kind": row.kind})
    };
    let main = rows.iter().filter(|r| !r.name.contains('/'));
    main.map(|row| {
        let prefix = format!("{}/", row.name);
        let subs: Vec<Value> = rows
            .iter()
            .filter_map(|sub| sub.name.strip_prefix(&prefix).map(|name| (name, sub)))
            .map(|(name, sub)| json!({"subresource": name, "responseKind": kind(sub), "verbs": sub.verbs}))
            .collect();
        json!({"resource": row.name, "responseKind": kind(row), "scope": if row.namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": row.singular, "verbs": row.verbs, "shortNames": row.short, "categories": row.categories, "subresources": subs})
    })
    .collect()
}

/// Enough of OpenAPI to say that every kind can be patched with server-side validation of its fields.
fn openapi(groups: &Groups, group: &str, version: &str) -> Result<Value, Status> {
    let mut paths = serde_json::Map::new();
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    for row in find(groups, group, version)?.iter().filter(|r| !r.name.contains('/')) {
        let scope = if row.namespaced { "/namespaces/{namespace}" } else { "" };
        let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation", "force"]
            .iter()
            .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}))
            .collect();
        let kind = json!({"group": group, "version": version, "kind": row.kind});
        let operation = json!({"parameters": parameters, "x-kubernetes-group-version-kind": kind, "x-kubernetes-action": "patch",
            "responses": {"200": {"description": "OK"}}});
        paths.insert(format!("{root}{scope}/{}/{{name}}", row.name), json!({"patch": operation}));
    }
    Ok(
        json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "test"}, "paths": paths, "components": {"schemas": {}}}),
    )
}
