//! TriggerAuthentication and ClusterTriggerAuthentication: which parameter comes from where.
//!
//! Invariants: a parameter is a name and a place; no value of a Secret is ever read.
//! Tested: `tests/it/import/keda.rs`.

use super::super::fields::Fields;
use super::super::note::Notes;
use super::super::objects::Object;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Auth {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub parameters: Vec<Parameter>,
}

/// A parameter and its place.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub name: String,
    pub from: From,
}

/// Where a value stands.
#[derive(Clone, Debug)]
pub(crate) enum From {
    /// Secret and key.
    Secret(String, String),
    /// ConfigMap and key.
    Config(String, String),
    /// Environment variable of the target.
    Env(String),
}

pub(crate) fn read(object: &Object, notes: &mut Notes) -> Auth {
    let mut spec = object.spec(notes);
    let mut parameters = Vec::new();
    for list in ["secretTargetRef", "configMapTargetRef", "env"] {
        let path = spec.at(list);
        for (i, node) in spec.list(list, notes).iter().enumerate() {
            let mut entry = Fields::new(&object.origin, node, format!("{path}[{i}]"), notes);
            let text =
                |entry: &mut Fields<'_>, key: &str, notes: &mut Notes| entry.text(key, notes).unwrap_or_default().to_owned();
            let (parameter, name) = (text(&mut entry, "parameter", notes), text(&mut entry, "name", notes));
            let from = match list {
                "secretTargetRef" => From::Secret(name, text(&mut entry, "key", notes)),
                "configMapTargetRef" => From::Config(name, text(&mut entry, "key", notes)),
                _ => From::Env(name),
            };
            // All containers of the target are known here.
            entry.ignore(&["containerName"]);
            entry.finish(notes);
            parameters.push(Parameter { name: parameter, from });
        }
    }
    let rest: Vec<&str> = spec.unread().map(|e| e.key.as_str()).collect();
    spec.refuse(
        &rest,
        "logins are taken from the environment or from files only",
        "write the login into the metric, from `\"${VARIABLE}\"` or `{file: path}`",
        notes,
    );
    let (kind, namespace, name) = (object.kind.clone(), object.namespace.clone(), object.name.clone());
    Auth { kind, namespace, name, parameters }
}
