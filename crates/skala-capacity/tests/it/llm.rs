use expect_test::expect;
use skala_capacity::cost::PerHour;
use skala_capacity::llm::provider::{Binding, Limits, TokenPrices, spend};
use skala_capacity::llm::roofline::{Accelerator, Model, accelerators, sequences_in_flight};

const MODEL: Model = Model { parameters: 8.03e9, bytes: 2.0, layers: 32.0, kv_heads: 8.0, head_dim: 128.0 };
const CARD: Accelerator = Accelerator {
    flops: 989e12,
    flops_share: 0.5,
    bandwidth: 3.35e12,
    bandwidth_share: 0.7,
    memory: 80e9,
    memory_share: 0.9,
    activations: 4e9,
};

#[test]
fn the_worked_example_of_8_billion_parameters() {
    let decode = [1.0, 16.0, 64.0, 128.0].map(|b| format!("{:.0}", CARD.decode(&MODEL, b, 1500.0))).join(" ");
    expect!["131072 396271 264 | 144 1954 5240 7281 | 30791"].assert_eq(&format!(
        "{:.0} {:.0} {} | {decode} | {:.0}",
        MODEL.kv_bytes(),
        CARD.kv_tokens(&MODEL),
        CARD.max_batch(&MODEL, 1500.0),
        CARD.prefill(&MODEL)
    ));
}

#[test]
fn a_model_that_does_not_fit_holds_no_sequence() {
    assert_eq!(CARD.max_batch(&Model { parameters: 70e9, ..MODEL }, 1500.0), 0);
    assert_eq!(accelerators(2.0, 1500.0, 300.0, 30_000.0, 5_000.0), 1);
    assert_eq!(accelerators(20.0, 1500.0, 300.0, 30_000.0, 5_000.0), 3);
    assert_eq!(accelerators(1.0, 1.0, 0.0, 0.0, 0.0), u64::MAX);
    assert_eq!(sequences_in_flight(10.0, 0.5, 200.0, 0.02), 45.0);
}

#[test]
fn the_smallest_limit_binds() {
    let limits = Limits { requests_per_minute: Some(600.0), tokens_per_minute: Some(90_000.0), concurrency: Some(20.0) };
    assert_eq!(limits.admissible(1000.0, 4.0), Some((1.5, Binding::Tokens)));
    assert_eq!(limits.admissible(100.0, 4.0), Some((5.0, Binding::Concurrency)));
    assert_eq!(limits.admissible(100.0, 0.5), Some((10.0, Binding::Requests)));
    assert_eq!(Limits::default().admissible(100.0, 0.5), None);
}

#[test]
fn an_hour_costs_its_tokens() {
    let prices = TokenPrices { input: 3e-6, cached: 0.3e-6, output: 15e-6 };
    // 3600 requests x (600 x 3 + 400 x 0.3 + 200 x 15) millionths
    let PerHour(cost) = spend(1.0, 1000.0, 0.4, 200.0, &prices);
    assert!((cost - 3600.0 * 4920e-6).abs() < 1e-9, "{cost}");
}
