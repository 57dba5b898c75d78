//! The binary end to end: real processes, real sockets, real files.
//!
//! Every test has a platform of its own in a temporary folder and takes its ports from the system, so that all of them can run at
//! once. What a fault leads to is listed in `docs/faults.md`, with the test that proves it.
#![expect(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

mod admin;
mod backends;
mod changes;
mod check;
mod clients;
mod command;
mod config;
mod controller;
mod crash;
mod decide;
mod examples;
mod full_disk;
mod history;
mod import;
mod kills;
mod knee;
mod limits;
mod logs;
mod metrics;
mod modes;
mod orders;
mod plan;
mod ports;
mod prom;
mod recommend;
mod restart;
mod secrets;
mod signals;
mod simulate;
mod stop;
mod streams;
mod tasks;
mod trace;
mod tune;
mod up;
mod upstreams;
mod zero;

use std::time::Duration;

use skala_testkit::skala::Skala;

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_skala");

/// What every platform of these tests begins with: ports chosen by the system.
const HEAD: &str = "platform: test\ngateway: {listen: '127.0.0.1:0'}\nadmin: {listen: '127.0.0.1:0'}\n";

/// A service `api` of the demo backend that is looked at often, with further lines.
fn api(more: &str) -> String {
    let service =
        "services:\n  api:\n    command: [skala, backend, --port, $PORT]\n    readiness: {httpGet: /health, period: 200ms}\n";
    format!("{HEAD}{service}{}", indented(more, 4))
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

fn skala(platform_file: &str) -> Skala {
    Skala::new(BINARY, platform_file)
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}
