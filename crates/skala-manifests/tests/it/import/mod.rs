//! Manifests in, platform files and Autoscalers out.
//!
//! Every platform file that comes out is loaded as `skala check` would, with samples for its variables.

mod autoscaler;
mod beat;
mod hpa;
mod input;
mod keda;
mod knative;
mod vpa;
mod workload;

use expect_test::Expect;
use skala_manifests::import::{Imported, Input, To, import};
use skala_spec::{LoadOptions, Platform, Source, load};

fn imported(text: &str, to: To) -> Imported {
    import(&[Input { name: "in.yaml", text }], to).unwrap()
}

/// The platform of what came out; it must have no errors.
fn platform(imported: &Imported) -> Platform {
    let text = imported.yaml();
    let env = |name: &str| imported.sample(name).map(str::to_owned);
    let options = LoadOptions { environment: None, env: &env, read_file: &|_| Err("no files here".to_owned()) };
    let loaded = load(&Source { name: "skala.yaml", text: &text }, &options);
    let errors: Vec<String> = loaded.problems.iter().filter(|p| p.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
    loaded.platform.unwrap()
}

/// Platform file and notes.
fn check(text: &str, expected: &Expect) {
    let imported = imported(text, To::Platform);
    platform(&imported);
    expected.assert_eq(&shown(&imported));
}

fn shown(imported: &Imported) -> String {
    let notes = imported.notes.iter().map(|n| {
        let field = if n.field.is_empty() { String::new() } else { format!(" {}", n.field) };
        format!("{}:{} {}{field}: {} -> {}\n", n.file, n.line, n.object, n.reason, n.help)
    });
    format!("{}{}", imported.yaml(), notes.collect::<String>())
}

/// A ScaledObject with these triggers, and what stands beside it.
fn scaled(triggers: &str, beside: &str) -> String {
    let head = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: worker, namespace: shop}\nspec:\n  scaleTargetRef: {name: worker}\n";
    format!("{head}  triggers:\n{triggers}\n{beside}\n---\n{WORKER}")
}

/// A worker whose queue is somewhere else.
const WORKER: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: worker, namespace: shop}
spec:
  template:
    metadata: {labels: {app: worker}}
    spec:
      containers:
      - name: worker
        image: worker:1
        command: [python, worker.py]
        ports: [{containerPort: 8000}]
        env:
        - {name: REDIS_ADDR, value: 'cache:6379'}
        - {name: PORT, value: '8000'}
        resources: {requests: {cpu: 250m, memory: 256Mi}}
";
