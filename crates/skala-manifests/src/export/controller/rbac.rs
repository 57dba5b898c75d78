//! The rights of the controller: what each is for stands beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::ControllerExport;

/// One rule: API groups, resources, names, verbs.
struct Rule {
    why: &'static str,
    groups: String,
    resources: String,
    names: Option<String>,
    verbs: &'static str,
}

impl Rule {
    fn new(why: &'static str, groups: &str, resources: &str, verbs: &'static str) -> Rule {
        Rule { why, groups: groups.into(), resources: resources.into(), names: None, verbs }
    }

    fn text(&self) -> String {
        let names = self.names.as_ref().map_or_else(String::new, |n| format!("  resourceNames: [{n}]\n"));
        let Rule { why, groups, resources, verbs, .. } = self;
        format!("# {why}\n- apiGroups: [{groups}]\n  resources: [{resources}]\n{names}  verbs: [{verbs}]\n")
    }
}

pub(super) fn documents(export: &ControllerExport) -> Vec<String> {
    let mut documents = vec![format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: skala-controller, namespace: {}}}",
        export.namespace
    )];
    let rules = rules(export);
    if export.watch.is_empty() {
        documents.push(role("ClusterRole", None, "skala-controller", &rules));
        documents.push(binding("ClusterRole", None, "skala-controller", &export.namespace));
    }
    for namespace in export.watch.iter().collect::<BTreeSet<_>>() {
        documents.push(role("Role", Some(namespace), "skala-controller", &rules));
        documents.push(binding("Role", Some(namespace), "skala-controller", &export.namespace));
    }
    let mut secrets: BTreeMap<&String, BTreeSet<&str>> = BTreeMap::new();
    for secret in &export.secrets {
        secrets.entry(&secret.namespace).or_default().insert(&secret.name);
    }
    for (namespace, names) in secrets {
        let names: Vec<&str> = names.into_iter().collect();
        let rule = Rule { names: Some(names.join(", ")), ..Rule::new("what triggers log in with", "\"\"", "secrets", "get") };
        documents.push(role("Role", Some(namespace), "skala-controller-secrets", &[rule]));
        documents.push(binding("Role", Some(namespace), "skala-controller-secrets", &export.namespace));
    }
    let lease = "coordination.k8s.io";
    let election = [
        Rule { names: Some("skala-controller".into()), ..Rule::new("who leads", lease, "leases", "get, update") },
        Rule::new("making a lease cannot be bound to a name", lease, "leases", "create"),
    ];
    documents.push(role("Role", Some(&export.namespace), "skala-controller-election", &election));
    documents.push(binding("Role", Some(&export.namespace), "skala-controller-election", &export.namespace));
    documents
}

fn rules(export: &ControllerExport) -> Vec<Rule> {
    let mut rules = vec![
        Rule::new("what to scale, and how", "skala.dev", "autoscalers", "list, watch"),
        Rule::new("what was decided, and why", "skala.dev", "autoscalers/status", "patch"),
        Rule::new(
            "a HorizontalPodAutoscaler on the same target: then nobody should act twice",
            "autoscaling",
            "horizontalpodautoscalers",
            "list, watch",
        ),
        Rule::new("readiness, start times and requests", "\"\"", "pods", "list, watch"),
        Rule::new("CPU and memory of pods", "metrics.k8s.io", "pods", "list"),
        Rule::new("metrics of pods and objects; their names are open", "custom.metrics.k8s.io", "\"*\"", "get, list"),
        Rule::new("metrics from outside; their names are open", "external.metrics.k8s.io", "\"*\"", "get, list"),
        Rule::new("what happened, for kubectl describe", "\"\"", "events", "create, patch"),
    ];
    let verbs = if export.dry_run { "get" } else { "get, update" };
    let kinds = "deployments/scale, replicasets/scale, statefulsets/scale";
    rules.push(Rule::new("the size of targets", "apps", kinds, verbs));
    let mut others: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for kind in &export.scalable {
        let (plural, group) = kind.split_once('.').unwrap_or((kind, "\"\""));
        others.entry(group).or_default().insert(format!("{plural}/scale"));
    }
    for (group, resources) in others {
        let resources = resources.into_iter().collect::<Vec<_>>().join(", ");
        rules.push(Rule::new("the size of further targets", group, &resources, verbs));
    }
    if export.deletion_cost && !export.dry_run {
        rules.push(Rule::new("marking the emptiest pods before shrinking", "\"\"", "pods", "patch"));
    }
    rules
}

fn head(kind: &str, namespace: Option<&str>, name: &str) -> String {
    let within = namespace.map_or_else(String::new, |n| format!(", namespace: {n}"));
    format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}{within}}}\n")
}

fn role(kind: &str, namespace: Option<&str>, name: &str, rules: &[Rule]) -> String {
    let rules: String = rules.iter().map(Rule::text).collect();
    format!("{}rules:\n{}", head(kind, namespace, name), rules.trim_end())
}

fn binding(kind: &str, namespace: Option<&str>, name: &str, account: &str) -> String {
    let head = head(&format!("{kind}Binding"), namespace, name);
    format!(
        "{head}roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\n\
         subjects:\n- {{kind: ServiceAccount, name: skala-controller, namespace: {account}}}"
    )
}
