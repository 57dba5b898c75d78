//! Which crate may use which: pure crates decide, edge crates talk, the binary wires.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Decide; know no sockets, files, clocks.
const PURE: &[&str] = &[
    "skala-types",
    "skala-spec",
    "skala-hpa",
    "skala-autoscaler",
    "skala-balance",
    "skala-manifests",
    "skala-capacity",
    "skala-trace",
    "skala-forecast",
    "skala-sim",
    "skala-queue",
];
/// Talk; do not know one another, except `skala-runtime`.
const EDGE: &[&str] = &[
    "skala-runtime",
    "skala-gateway",
    "skala-controller",
    "skala-load",
    "skala-console",
    "skala-signals",
    "skala-kubernetes",
    "skala-tasks",
    "skala-celery",
];
/// What a pure crate must not pull in, however deep.
const IMPURE: &[&str] = &["tokio", "mio", "socket2", "rustix", "nix", "rusqlite", "axum", "hyper", "ureq"];

struct Graph {
    /// Direct dependencies (not for development) of each package, by name.
    edges: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

/// The platform that is built for: crates for other systems need not be here, and do not matter.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|l| l.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn graph() -> Graph {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &host(), "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
    let members = list(&metadata["workspace_members"]).iter().map(|id| names[&text(id)].clone()).collect();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let normal = list(&node["deps"]).into_iter().filter(|d| list(&d["dep_kinds"]).iter().any(|k| text(&k["kind"]) != "dev"));
        let used = normal.map(|d| names[&text(&d["pkg"])].clone());
        edges.entry(names[&text(&node["id"])].clone()).or_default().extend(used);
    }
    Graph { edges, members }
}

impl Graph {
    fn everything_below(&self, name: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![name.to_owned()];
        while let Some(next) = todo.pop() {
            for used in self.edges.get(&next).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    todo.push(used.clone());
                }
            }
        }
        seen
    }
}

#[test]
fn every_crate_has_a_kind() {
    let others = ["skala", "skala-testkit", "xtask"];
    let known: BTreeSet<_> = PURE.iter().chain(EDGE).chain(&others).map(|s| (*s).to_owned()).collect();
    assert_eq!(graph().members, known, "name a new crate in xtask/src/edges.rs and in ARCHITECTURE.md");
}

#[test]
fn pure_crates_use_only_pure_crates_and_nothing_that_talks() {
    let graph = graph();
    for name in PURE {
        let below = graph.everything_below(name);
        let bad: Vec<_> = below
            .iter()
            .filter(|used| IMPURE.contains(&used.as_str()) || (graph.members.contains(*used) && !PURE.contains(&used.as_str())))
            .collect();
        assert!(bad.is_empty(), "{name} is pure and must not use {bad:?}");
    }
}

#[test]
fn edge_crates_do_not_know_one_another() {
    let graph = graph();
    for name in EDGE {
        let used = graph.edges[*name].iter().filter(|u| graph.members.contains(*u));
        let bad: Vec<_> = used.filter(|u| !PURE.contains(&u.as_str()) && *u != "skala-runtime").collect();
        assert!(bad.is_empty(), "{name} is an edge crate and must not use {bad:?}");
    }
}

#[test]
fn nothing_pulls_in_openssl_or_cmake() {
    let below = graph().everything_below("skala");
    // `openssl-probe` only looks where a system keeps its certificates.
    let openssl = |n: &str| n.contains("openssl") && n != "openssl-probe";
    let bad: Vec<_> = below.iter().filter(|n| openssl(n) || *n == "native-tls" || *n == "cmake").collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn pure_crates_carry_the_strict_lints() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |name: &str| std::fs::read_to_string(format!("{root}/crates/{name}/clippy.toml")).unwrap_or_default();
    let first = read(PURE[0]);
    assert!(first.contains("std::time::Instant") && first.contains("std::collections::HashMap"));
    for name in PURE {
        assert_eq!(read(name), first, "{name}/clippy.toml differs from that of {}", PURE[0]);
    }
}
