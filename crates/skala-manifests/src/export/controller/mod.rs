//! What `kubectl apply` needs to run skala's controller in a cluster: the resource, the rights, the Deployment.
//!
//! Decides: which rights the controller gets, and no more.
//! Inputs: [`ControllerExport`]: where it runs, what it may look at, which secrets it may read.
//! Method: the resource is a text that is kept whole (`autoscaler.yaml`); the rest is put together from the few choices there are.
//! Invariants: every name that is put into the text was checked to be one, so no input can change the document's shape.
//! Tested: `tests` below; the rights are enforced on the real controller in `skala-kubernetes/tests/it/rights.rs`.

mod deployment;
mod names;
mod rbac;

pub use names::InvalidExport;

/// The custom resource `autoscalers.skala.dev`, as YAML.
pub const AUTOSCALER_CRD: &str = include_str!("autoscaler.yaml");

/// A Secret that triggers may refer to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretName {
    /// Its namespace: that of the autoscalers which use it.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// How the controller is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerExport {
    /// Where it runs. Default `skala-system`.
    pub namespace: String,
    /// Its image.
    pub image: String,
    /// How many; one acts, the others wait. Default 2.
    pub replicas: u32,
    /// Namespaces that it looks at; all when empty, and then its rights hold in the whole cluster.
    pub watch: Vec<String>,
    /// Secrets that it may read; none by default.
    pub secrets: Vec<SecretName>,
    /// Kinds with `/scale` besides those of `apps`, such as `rollouts.argoproj.io`.
    pub scalable: Vec<String>,
    /// Whether it may mark pods for removal (`pod-deletion-cost`), which takes the right to patch pods. Default true.
    pub deletion_cost: bool,
    /// Report only: then it gets no right to scale or to patch pods. Default false.
    pub dry_run: bool,
}

impl Default for ControllerExport {
    fn default() -> ControllerExport {
        ControllerExport {
            namespace: "skala-system".into(),
            image: concat!("skala:", env!("CARGO_PKG_VERSION")).into(),
            replicas: 2,
            watch: Vec::new(),
            secrets: Vec::new(),
            scalable: Vec::new(),
            deletion_cost: true,
            dry_run: false,
        }
    }
}

impl ControllerExport {
    /// All documents, in an order in which they can be applied.
    ///
    /// # Errors
    /// The first value that is no name, image or kind.
    pub fn yaml(&self) -> Result<String, InvalidExport> {
        names::check(self)?;
        let mut documents = vec![AUTOSCALER_CRD.trim_end().to_owned(), self.namespace_document()];
        documents.extend(rbac::documents(self));
        documents.extend(deployment::documents(self));
        Ok(documents.join("\n---\n") + "\n")
    }

    fn namespace_document(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n  labels:\n    pod-security.kubernetes.io/enforce: restricted",
            self.namespace
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(change: impl FnOnce(&mut ControllerExport)) -> String {
        let mut export = ControllerExport::default();
        change(&mut export);
        export.yaml().unwrap()
    }

    fn kinds(yaml: &str) -> Vec<&str> {
        yaml.lines().filter_map(|l| l.strip_prefix("kind: ")).collect()
    }

    #[test]
    fn the_whole_cluster_by_default() {
        let all = yaml(|_| ());
        let expected = [
            "CustomResourceDefinition",
            "Namespace",
            "ServiceAccount",
            "ClusterRole",
            "ClusterRoleBinding",
            "Role",
            "RoleBinding",
            "Service",
            "Deployment",
        ];
        assert_eq!(kinds(&all), expected);
        assert!(!all.contains("[secrets]"), "no secret is readable unless named");
    }

    #[test]
    fn only_the_namespaces_named() {
        let some = yaml(|e| e.watch = vec!["shop".into(), "etl".into()]);
        assert!(!some.contains("kind: ClusterRole"));
        assert_eq!(kinds(&some).iter().filter(|k| **k == "Role").count(), 3, "two to watch, one for the lease");
        assert!(some.contains("- --namespace=shop\n") && some.contains("- --namespace=etl\n"));
    }

    #[test]
    fn secrets_by_name_alone() {
        let secret = SecretName { namespace: "shop".into(), name: "redis-login".into() };
        let some = yaml(|e| e.secrets = vec![secret]);
        let at = some.find("resources: [secrets]").expect("a rule about secrets");
        let rule: Vec<&str> = some[at..].lines().take(3).map(str::trim).collect();
        assert_eq!(rule, ["resources: [secrets]", "resourceNames: [redis-login]", "verbs: [get]"]);
    }

    #[test]
    fn a_reporter_may_not_act() {
        let reporter = yaml(|e| e.dry_run = true);
        assert!(reporter.contains("- --dry-run\n"));
        let verbs = |yaml: &str, resources: &str| -> Vec<String> {
            let lines: Vec<&str> = yaml.lines().map(str::trim).collect();
            let at = lines.iter().enumerate().filter(|(_, l)| **l == format!("resources: [{resources}]"));
            at.map(|(i, _)| lines[i + 1].to_owned()).collect()
        };
        let scale = "deployments/scale, replicasets/scale, statefulsets/scale";
        assert_eq!(verbs(&reporter, scale), ["verbs: [get]"]);
        assert_eq!(verbs(&yaml(|_| ()), scale), ["verbs: [get, update]"]);
        assert_eq!(verbs(&reporter, "pods"), ["verbs: [list, watch]", "verbs: [list]"]);
        assert_eq!(verbs(&yaml(|_| ()), "pods"), ["verbs: [list, watch]", "verbs: [list]", "verbs: [patch]"]);
    }

    #[test]
    fn nothing_that_is_no_name_gets_into_the_text() {
        let bad: [fn(&mut ControllerExport); 8] = [
            |e| e.namespace = "a\nkind: Evil".into(),
            |e| e.namespace = String::new(),
            |e| e.image = "skala: latest".into(),
            |e| e.image = "x\"y".into(),
            |e| e.watch = vec!["UPPER".into()],
            |e| e.watch = vec!["a".repeat(64)],
            |e| e.scalable = vec!["rollouts]".into()],
            |e| e.secrets = vec![SecretName { namespace: "a".into(), name: "*".into() }],
        ];
        for change in bad {
            let mut export = ControllerExport::default();
            change(&mut export);
            assert!(export.yaml().is_err(), "{export:?}");
        }
    }
}
