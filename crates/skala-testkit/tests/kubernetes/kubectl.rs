//! The real kubectl against the test cluster. `scripts/test` installs it where there is none (`kubernetes-client`).
//!
//! Tried with 1.20, which Debian 12 has, and 1.32. One older than 1.27 checks manifests itself, by a document that the test cluster
//! doesn't serve, and is told not to; then the server isn't asked to refuse unknown fields either, and drops them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use skala_testkit::kubernetes::Cluster;
use skala_testkit::wait;

const PATIENCE: Duration = Duration::from_secs(10);

struct Kubectl {
    folder: tempfile::TempDir,
    cluster: Cluster,
    config: std::path::PathBuf,
    /// The `20` of 1.20.
    minor: u32,
}

impl Kubectl {
    fn start() -> Kubectl {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cluster = Cluster::start();
        let config = cluster.kubeconfig(folder.path());
        let mut kubectl = Kubectl { folder, cluster, config, minor: 0 };
        let version = kubectl.json(&["version", "--client", "-o", "json"])["clientVersion"]["minor"].take();
        kubectl.minor = version.as_str().unwrap_or("").trim_end_matches('+').parse().expect("kubectl says its release");
        assert!(kubectl.minor >= 20, "kubectl 1.{} was never tried: install 1.20 or newer", kubectl.minor);
        kubectl
    }

    /// Whether it leaves checks to the server.
    fn asks_the_server(&self) -> bool {
        self.minor >= 27
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        if matches!(args[0], "create" | "apply") && !self.asks_the_server() {
            command.args([args[0], "--validate=false"]).args(&args[1..])
        } else {
            command.args(args)
        };
        command.env("KUBECONFIG", &self.config).env("HOME", self.folder.path());
        command
    }

    fn run(&self, args: &[&str], stdin: &str) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl is installed: scripts/test does it");
        child.stdin.take().expect("it is piped").write_all(stdin.as_bytes()).expect("kubectl reads");
        child.wait_with_output().expect("kubectl ends")
    }

    #[track_caller]
    fn ok(&self, args: &[&str], stdin: &str) -> String {
        let output = self.run(args, stdin);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {args:?}: {errors}");
        String::from_utf8(output.stdout).expect("kubectl prints text")
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args, "")).expect("kubectl prints JSON")
    }

    #[track_caller]
    fn refused(&self, args: &[&str], stdin: &str) -> String {
        let output = self.run(args, stdin);
        assert!(!output.status.success(), "kubectl {args:?} was to be refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: a}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "app:1", ports: [{containerPort: 80}]}]}
"#;

#[test]
fn kubectl_creates_reads_scales_patches_applies_and_deletes() {
    let kubectl = Kubectl::start();
    kubectl.ok(&["create", "-f", "-"], WEB);
    assert!(kubectl.refused(&["create", "-f", "-"], WEB).contains("AlreadyExists"));
    let web = kubectl.json(&["get", "deploy", "web", "-o", "json"]);
    assert_eq!((&web["spec"]["replicas"], &web["metadata"]["generation"]), (&json!(2), &json!(1)));

    kubectl.ok(&["scale", "deployment/web", "--replicas=5"], "");
    assert_eq!(kubectl.cluster.replicas("deployments.apps", "default", "web"), 5);
    kubectl.ok(&["scale", "deployment/web", "--current-replicas=5", "--replicas=6"], "");
    let scale = kubectl.json(&["get", "--raw", "/apis/apps/v1/namespaces/default/deployments/web/scale"]);
    assert_eq!(scale["status"]["selector"], "app=web");

    kubectl.ok(
        &["patch", "deploy", "web", "-p", r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:2"}]}}}}"#],
        "",
    );
    kubectl.ok(&["patch", "deploy", "web", "--type=json", "-p", r#"[{"op":"add","path":"/metadata/labels/x","value":"y"}]"#], "");
    kubectl.ok(&["annotate", "deploy", "web", "note=hello"], "");
    kubectl.ok(&["label", "deploy", "web", "team-"], "");
    let web = kubectl.json(&["get", "deploy", "web", "-o", "json"]);
    let app = &web["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&app["image"], &app["ports"][0]["containerPort"]), (&json!("app:2"), &json!(80)));
    assert_eq!(web["metadata"]["labels"], json!({"x": "y"}));
    assert_eq!(web["metadata"]["annotations"]["note"], "hello");

    kubectl.ok(&["apply", "-f", "-"], &WEB.replace("replicas: 2", "replicas: 3"));
    kubectl.ok(&["apply", "-f", "-"], &WEB.replace("replicas: 2", "replicas: 4").replace("app:1", "app:3"));
    kubectl.ok(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &WEB.replace("replicas: 2", "replicas: 7"));
    let shown: &[&str] = if kubectl.minor >= 21 { &["--show-managed-fields"] } else { &[] };
    let web = kubectl.json(&[&["get", "deploy", "web", "-o", "json"], shown].concat());
    assert_eq!(web["spec"]["replicas"], 7);
    assert!(web["metadata"]["managedFields"].as_array().is_some_and(|m| m.iter().any(|m| m["manager"] == "kubectl")));

    assert!(kubectl.ok(&["get", "deploy"], "").contains("web"));
    kubectl.ok(&["delete", "deploy", "web"], "");
    assert!(kubectl.refused(&["get", "deploy", "web"], "").contains("NotFound"));
}

#[test]
fn kubectl_applies_definitions_and_their_resources() {
    let kubectl = Kubectl::start();
    let definition = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, required: [size], properties: {size: {type: integer, minimum: 0}}}
          status: {type: object, properties: {size: {type: integer}}}
"#;
    kubectl.ok(&["apply", "-f", "-"], definition);
    kubectl.ok(&["wait", "--for=condition=Established", "--timeout=10s", "crd/widgets.example.com"], "");
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 1}\n";
    kubectl.ok(&["apply", "-f", "-"], widget);
    kubectl.ok(&["scale", "wd/w", "--replicas=3"], "");
    assert_eq!(kubectl.json(&["get", "wd", "w", "-o", "json"])["spec"]["size"], 3);
    let refused = kubectl.refused(&["apply", "-f", "-"], &widget.replace("size: 1", "size: -1"));
    assert!(refused.contains("greater than or equal to 0"), "{refused}");
    let misspelt = widget.replace("size: 1", "size: 1, sise: 2");
    if kubectl.asks_the_server() {
        let refused = kubectl.refused(&["apply", "-f", "-"], &misspelt);
        assert!(refused.contains("unknown field \"spec.sise\""), "{refused}");
    } else {
        kubectl.ok(&["apply", "-f", "-"], &misspelt);
        assert_eq!(kubectl.json(&["get", "wd", "w", "-o", "json"])["spec"], json!({"size": 1}), "what is unknown is dropped");
    }
    let resources = kubectl.ok(&["api-resources", "--api-group=example.com"], "");
    assert!(resources.contains("widgets"), "{resources}");
    kubectl.ok(&["delete", "crd", "widgets.example.com"], "");
    assert!(kubectl.refused(&["get", "widgets.example.com"], "").contains("the server doesn't have a resource type"));
}

#[test]
fn kubectl_watches() {
    let kubectl = Kubectl::start();
    let map = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": value}});
    kubectl.cluster.put(&map("1"));
    let mut child = kubectl
        .command(&["get", "configmap", "m", "-w", "-o", "jsonpath={.data.k}{\"\\n\"}"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("kubectl is installed: scripts/test does it");
    let (send, lines) = mpsc::channel();
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    let next = || lines.recv_timeout(PATIENCE).expect("kubectl goes on");
    assert_eq!(next(), "1");
    // kubectl prints what it got first, and leaves out the watch's first event: a change in between would be lost on it.
    wait::until("the watch", PATIENCE, || (kubectl.cluster.requests().count("watch", "configmaps") == 1).then_some(()));
    kubectl.cluster.put(&map("2"));
    assert_eq!(next(), "2");
    child.kill().expect("it still runs");
    child.wait().expect("it ends");
}
