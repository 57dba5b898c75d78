//! Who may do what.
//!
//! Decides: whether a user's verb on a resource is granted.
//! Inputs: the bearer token, which is the user's name; the roles and bindings that are stored.
//! Method: RBAC as `plugin/pkg/auth/authorizer/rbac`: rules only grant. Without a token, and as [`ADMIN`], everything is granted,
//!   so that least rights are proven by using a kubeconfig of somebody else.
//! Tested: `tests/kubernetes/server.rs`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::{Api, State};
use super::handle::{Answer, Asked};
use super::status::Status;
use super::store::Key;
use super::target::Target;

/// Who may do everything.
pub(crate) const ADMIN: &str = "kubernetes-admin";

const ROLES: &str = "rbac.authorization.k8s.io";

/// The user behind a token.
pub(crate) fn user(token: &str) -> String {
    if token.is_empty() { ADMIN.to_owned() } else { token.to_owned() }
}

/// Refuses what is not granted.
pub(crate) fn check(state: &State, user: &str, target: &Target) -> Result<(), Status> {
    // Everybody may ask about their own rights.
    if target.group == "authorization.k8s.io" || is_granted(state, user, target) {
        return Ok(());
    }
    let sub = if target.subresource.is_empty() { String::new() } else { format!("/{}", target.subresource) };
    let place = match target.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    let (verb, resource, group) = (target.verb, &target.resource, &target.group);
    let why = format!("User {user:?} cannot {verb} resource \"{resource}{sub}\" in API group {group:?} {place}");
    Err(Status::forbidden(group, resource, &target.name, &why))
}

fn is_granted(state: &State, user: &str, target: &Target) -> bool {
    if user == ADMIN {
        return true;
    }
    let bound = |binding: &Value| binding["subjects"].as_array().is_some_and(|s| s.iter().any(|s| is_subject(s, binding, user)));
    let everywhere = state.store.objects(&format!("clusterrolebindings.{ROLES}")).map(|e| e.value());
    let here =
        state.store.objects(&format!("rolebindings.{ROLES}")).filter(|e| e.key.namespace == target.namespace).map(|e| e.value());
    everywhere.chain(here).filter(bound).any(|binding| {
        let role = &binding["roleRef"];
        let name = role["name"].as_str().unwrap_or("");
        let found = match role["kind"].as_str() {
            Some("ClusterRole") => state.store.get(&format!("clusterroles.{ROLES}"), &Key::new("", name)),
            _ => {
                let namespace = binding["metadata"]["namespace"].as_str().unwrap_or("");
                state.store.get(&format!("roles.{ROLES}"), &Key::new(namespace, name))
            }
        };
        let role = found.map(|e| e.value()).unwrap_or_default();
        role["rules"].as_array().into_iter().flatten().any(|rule| grants(rule, target))
    })
}

fn is_subject(subject: &Value, binding: &Value, user: &str) -> bool {
    let text = |member: &str| subject[member].as_str().unwrap_or("");
    match text("kind") {
        "User" => text("name") == user,
        "ServiceAccount" => {
            let own = binding["metadata"]["namespace"].as_str().unwrap_or("");
            let namespace = if text("namespace").is_empty() { own } else { text("namespace") };
            user == format!("system:serviceaccount:{namespace}:{}", text("name"))
        }
        "Group" => match text("name") {
            "system:authenticated" => true,
            "system:serviceaccounts" => user.starts_with("system:serviceaccount:"),
            _ => false,
        },
        _ => false,
    }
}

fn grants(rule: &Value, target: &Target) -> bool {
    let has = |member: &str, wanted: &[&str]| {
        rule[member].as_array().is_some_and(|list| list.iter().filter_map(Value::as_str).any(|v| v == "*" || wanted.contains(&v)))
    };
    let (resource, any) = match target.subresource.as_str() {
        "" => (target.resource.clone(), target.resource.clone()),
        sub => (format!("{}/{sub}", target.resource), format!("*/{sub}")),
    };
    let names = rule["resourceNames"].as_array().filter(|n| !n.is_empty());
    has("verbs", &[target.verb])
        && has("apiGroups", &[&target.group])
        && has("resources", &[&resource, &any])
        && names.is_none_or(|names| !target.name.is_empty() && names.iter().any(|n| *n == target.name))
}

/// Answers a `SelfSubjectAccessReview`; `None` for anything else.
pub(crate) fn review(api: &Arc<Api>, asked: &Asked, target: &Target, user: &str) -> Result<Option<Answer>, Status> {
    if target.group != "authorization.k8s.io" {
        return Ok(None);
    }
    if target.resource != "selfsubjectaccessreviews" || target.verb != "create" || target.version != "v1" {
        return Err(Status::no_such_path());
    }
    let mut review: Value =
        serde_json::from_slice(&asked.body).map_err(|e| Status::bad_request(format!("the body is not JSON: {e}")))?;
    let about = &review["spec"]["resourceAttributes"];
    let text = |member: &str| about[member].as_str().unwrap_or("").to_owned();
    const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
    let verb = text("verb");
    let target = Target {
        verb: VERBS.into_iter().find(|v| *v == verb).unwrap_or("*"),
        group: text("group"),
        version: text("version"),
        namespace: text("namespace"),
        resource: text("resource"),
        name: text("name"),
        subresource: text("subresource"),
    };
    let allowed = about.is_object() && api.read(|state| is_granted(state, user, &target));
    let members = review.as_object_mut().ok_or_else(|| Status::bad_request("the body is not a JSON object"))?;
    members.insert("status".to_owned(), json!({"allowed": allowed}));
    Ok(Some(Answer::bytes(201, review.to_string().into())))
}
