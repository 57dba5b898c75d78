//! What cannot be read, and bounds.

use proptest::prelude::*;
use skala_manifests::import::{ImportError, Input, To, import};

use super::{platform, scaled};

fn error(text: &str) -> String {
    import(&[Input { name: "in.yaml", text }], To::Platform).unwrap_err().to_string()
}

#[test]
fn errors_have_file_and_line() {
    let rows = [
        ("kind: A\nb: [\n", "in.yaml:"),
        ("kind: A\n---\nreplicaCount: 3\n", "in.yaml:3: this document is no Kubernetes object"),
        ("kind: A\nkind: B\n", "in.yaml:2: `kind` is here twice"),
        ("just text", "in.yaml:1: this document is no Kubernetes object"),
        ("", "nothing to import"),
        ("{{ .Values.x }}\n", "in.yaml:1:"),
    ];
    for (text, part) in rows {
        assert!(error(text).contains(part), "{text:?}: {}", error(text));
    }
}

#[test]
fn nothing_names_what_was_there() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: hunter2}\n";
    let Err(ImportError::Nothing { notes }) = import(&[Input { name: "in.yaml", text }], To::Platform) else { panic!() };
    assert_eq!((notes.len(), notes[0].object.as_str(), notes[0].line), (1, "Secret a", 1));
    assert!(!format!("{notes:?}").contains("hunter2"));
}

#[test]
fn objects_are_bounded() {
    let text = "kind: A\n---\n".repeat(10_001);
    assert_eq!(error(&text), "there are more than 10000 objects");
}

#[test]
fn large_inputs_take_linear_time() {
    let many = |make: &dyn Fn(usize) -> String| (0..20_000).map(make).collect::<Vec<_>>().join(", ");
    let secrets = many(&|i| format!("{{name: A, valueFrom: {{secretKeyRef: {{name: s{i}, key: k}}}}}}"));
    let keys = many(&|i| format!("k{i}: 1"));
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec: {{more: {{{keys}}}, template: {{spec: {{containers: [{{name: a, command: ['{}'], env: [{secrets}]}}]}}}}}}",
        "$(B)".repeat(100_000)
    );
    let imported = import(&[Input { name: "in.yaml", text: &text }], To::Platform).unwrap();
    platform(&imported);
    assert_eq!((imported.variables.len(), imported.notes.len()), (1, 10_001), "what is too much for a list is counted");
    let one_name =
        many(&|i| format!("{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: a, namespace: n{i}}}, spec: {{}}}}"));
    let objects: Vec<&str> = one_name.split(", {api").take(9000).collect();
    let text = format!("kind: List\nitems: [{}]", objects.join(", {api"));
    let imported = import(&[Input { name: "in.yaml", text: &text }], To::Platform).unwrap();
    assert_eq!(imported.output["services"].as_object().unwrap().len(), 9000);
}

#[test]
fn variables_that_double_stay_small() {
    let env = |i: usize| format!("{{name: A{i}, value: '$(A{0})$(A{0})'}}", i - 1);
    let env = (1..60).map(env).collect::<Vec<_>>().join(", ");
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec: {{template: {{spec: {{containers: [{{name: a, command: [a], env: [{{name: A0, value: xxxxxxxx}}, {env}]}}]}}}}}}"
    );
    let imported = import(&[Input { name: "in.yaml", text: &text }], To::Platform).unwrap();
    platform(&imported);
    assert!(imported.yaml().len() < 16 << 20 && !imported.notes.is_empty());
}

proptest! {
    /// Whatever a manifest becomes when somebody edits it, it is imported or refused, and what comes out can be loaded.
    #[test]
    fn edits_never_break_the_output(at in 0.0..1.0_f64, length in 0_usize..12, piece in "[ -~\n]{0,8}") {
        let whole = scaled(
            "  - {type: redis, name: jobs, metadata: {addressFromEnv: REDIS_ADDR, listName: jobs, listLength: '10'}}
  - {type: cron, metadata: {timezone: Asia/Kolkata, start: 30 6 * * *, end: 45 18 * * *, desiredReplicas: '10'}}
  - {type: kafka, metadata: {bootstrapServers: 'kafka:9092', consumerGroup: g, topic: t, partitionLimitation: '1-4'}}
  - {type: cpu, metricType: Utilization, metadata: {value: '60'}}",
            "  minReplicaCount: 1\n  maxReplicaCount: 7\n  cooldownPeriod: 30\n  fallback: {failureThreshold: 3, replicas: 6}\n  advanced: {scalingModifiers: {formula: jobs + 1, target: '5'}}",
        );
        let start = (at * whole.len() as f64) as usize;
        let end = (start + length).min(whole.len());
        let text = format!("{}{piece}{}", &whole[..start], &whole[end..]);
        for to in [To::Platform, To::Autoscaler] {
            match import(&[Input { name: "in.yaml", text: &text }], to) {
                Ok(imported) if to == To::Platform => drop(platform(&imported)),
                Ok(_) => {}
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
