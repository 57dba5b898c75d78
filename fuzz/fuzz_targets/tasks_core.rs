//! Any history of calls, clock steps and crashes: the core does what the small model of its tests does.
#![no_main]
#![allow(dead_code, reason = "helpers of other tests")]

use libfuzzer_sys::fuzz_target;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[path = "../../crates/skala-queue/tests/it/bench.rs"]
mod bench;
#[path = "../../crates/skala-queue/tests/it/histories.rs"]
mod histories;
#[path = "../../crates/skala-queue/tests/it/leases.rs"]
mod leases;
#[path = "../../crates/skala-queue/tests/it/model.rs"]
mod model;

/// Bytes that a step draws, about; what is left undrawn of the input would be wasted.
const STEP: usize = 48;

fuzz_target!(|data: &[u8]| {
    // The bytes take the place of the random numbers from which histories are drawn.
    let rng = TestRng::from_seed(RngAlgorithm::PassThrough, data);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let most = (data.len() / STEP).clamp(1, 200);
    let steps = (0..most).map(|_| histories::step().new_tree(&mut runner).expect("a step is drawn").current());
    histories::run(steps.collect());
});
