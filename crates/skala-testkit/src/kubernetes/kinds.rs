//! The kinds that the server knows.
//!
//! Decides: names, scope, versions and subresources of every resource.
//! Method: the built-in ones are a table of rows; definitions of custom resources add theirs (`crd.rs`).
//! Tested: discovery in `tests/kubernetes/kubectl.rs`.

use serde_json::Value;

/// Where the scale of an object lies, as JSON pointers.
#[derive(Clone, Debug)]
pub(crate) struct ScalePaths {
    pub(crate) spec: String,
    pub(crate) status: String,
    /// Where the selector lies; `None` where there is none.
    pub(crate) selector: Option<String>,
}

/// One version of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) status: bool,
    pub(crate) scale: Option<ScalePaths>,
    /// The structural schema of a custom resource.
    pub(crate) schema: Option<Value>,
}

/// A kind and its resource.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// The preferred one first.
    pub(crate) versions: Vec<Version>,
    /// The version in which objects are stored.
    pub(crate) storage: String,
    /// Whether `metadata.generation` counts changes.
    pub(crate) counts: bool,
    pub(crate) custom: bool,
    /// Whose objects these are in another guise: `events` for `events.events.k8s.io`.
    pub(crate) stored_as: Option<&'static str>,
}

impl Kind {
    /// `pods`, `deployments.apps`: under which name its objects are stored.
    pub(crate) fn key(&self) -> String {
        self.stored_as.map_or_else(|| self.group_resource(), str::to_owned)
    }

    pub(crate) fn group_resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    pub(crate) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|v| v.name == name && v.served)
    }

    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }
}

/// One row per built-in kind: group, version, kind, plural, short names, traits (n: namespaced, s: status, c: counts
/// generations, x: scale).
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str], &'static str);

const ROWS: &[Row] = &[
    ("", "v1", "Namespace", "namespaces", &["ns"], "s"),
    ("", "v1", "Node", "nodes", &["no"], "s"),
    ("", "v1", "Pod", "pods", &["po"], "nsc"),
    ("", "v1", "Event", "events", &["ev"], "n"),
    ("", "v1", "ConfigMap", "configmaps", &["cm"], "n"),
    ("", "v1", "Secret", "secrets", &[], "n"),
    ("", "v1", "Service", "services", &["svc"], "ns"),
    ("", "v1", "ServiceAccount", "serviceaccounts", &["sa"], "n"),
    ("events.k8s.io", "v1", "Event", "events", &["ev"], "n"),
    ("apps", "v1", "Deployment", "deployments", &["deploy"], "nscx"),
    ("apps", "v1", "StatefulSet", "statefulsets", &["sts"], "nscx"),
    ("apps", "v1", "ReplicaSet", "replicasets", &["rs"], "nscx"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], "ns"),
    ("coordination.k8s.io", "v1", "Lease", "leases", &[], "n"),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", &["crd", "crds"], "sc"),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", &[], "n"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", &[], "n"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", &[], ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", &[], ""),
];

/// The built-in kinds.
pub(crate) fn built_in() -> Vec<Kind> {
    ROWS.iter().map(|row| kind(*row)).collect()
}

fn kind((group, version, kind, plural, short, traits): Row) -> Kind {
    let scale =
        ScalePaths { spec: "/spec/replicas".into(), status: "/status/replicas".into(), selector: Some("/spec/selector".into()) };
    let first = Version {
        name: version.to_owned(),
        served: true,
        status: traits.contains('s'),
        scale: traits.contains('x').then_some(scale),
        schema: None,
    };
    let mut versions = vec![first.clone()];
    if kind == "HorizontalPodAutoscaler" {
        versions.push(Version { name: "v1".to_owned(), ..first });
    }
    Kind {
        group: group.to_owned(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short: short.iter().map(|s| (*s).to_owned()).collect(),
        categories: if matches!(plural, "pods" | "services") || group == "apps" || kind == "HorizontalPodAutoscaler" {
            vec!["all".to_owned()]
        } else {
            Vec::new()
        },
        namespaced: traits.contains('n'),
        versions,
        storage: version.to_owned(),
        counts: traits.contains('c'),
        custom: false,
        stored_as: (group == "events.k8s.io").then_some("events"),
    }
}
