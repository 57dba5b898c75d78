//! `skala simulate` through the binary, on small generated traces: tables, documents, conditions, drawings, and bad input.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::skala;

/// A platform that promises, pays and scales.
const SHOP: &str = "\
platform: shop
cost: {currency: EUR, vcpuHour: 0.04, gibHour: 0.005}
services:
  api:
    command: [server]
    concurrency: 8
    resources: {requests: {cpu: '1', memory: 1Gi}}
    autoscaling: {minReplicas: 1, maxReplicas: 20, metrics: [{concurrency: 5}]}
objectives:
  api: {latency: {p95: 400ms}}
capacity:
  services:
    api: {serviceTime: {mean: 100ms, cv: 1}, startUp: {mean: 20s, cv: 0.2}}
";

const TRACE: [&str; 2] = ["--generate", "GENERATOR"];

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let trace = TRACE.map(|word| if word == "GENERATOR" { GENERATOR } else { word });
    ["simulate", "skala.yaml"].into_iter().chain(trace).chain(more.iter().copied()).collect()
}

#[track_caller]
fn table(more: &[&str], expected: Expect) {
    let run = skala(SHOP).run(&args(more));
    expected.assert_eq(&format!("exit {:?}\n{}{}", run.code, run.stdout, run.stderr));
}

fn document(more: &[&str]) -> Value {
    let run = skala(SHOP).run(&args(&[more, &["-o", "json"]].concat()));
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}
