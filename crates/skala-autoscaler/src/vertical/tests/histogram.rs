//! The decaying histogram against the formulas and upstream's scenarios.

use proptest::prelude::*;

use super::*;

const ONE_DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);

fn hour(hours: u64) -> Time {
    at(60 * hours)
}

fn cpu(half_life: Duration) -> Histogram {
    Histogram::new(Buckets::CPU, half_life)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

#[test]
fn a_percentile_is_the_upper_edge_of_its_bucket() {
    let mut h = cpu(ONE_DAY);
    assert!(h.is_empty());
    assert_eq!([-0.5, 0.5, 1.5].map(|p| h.percentile(p)), [0.0; 3]);
    for value in 1u32..=4 {
        h.add(f64::from(value), f64::from(value), Time::ZERO);
    }
    for (p, value) in
        [(-1.0, 1.0), (0.0, 1.0), (0.1, 1.0), (0.2, 2.0), (0.3, 2.0), (0.4, 3.0), (0.6, 3.0), (0.7, 4.0), (2.0, 4.0)]
    {
        assert!(close(h.percentile(p), edge(0.01, value)), "{p}: {}", h.percentile(p));
    }
    // Beyond the layout: the start of its last bucket.
    h.add(1e6, 1e6, Time::ZERO);
    assert!(close(h.percentile(1.0), Buckets::CPU.start(175)));
}

#[test]
fn each_half_life_halves() {
    let mut h = cpu(HOUR);
    for i in 1u32..=4 {
        h.add(f64::from(i), f64::from(i), hour(u64::from(i)));
    }
    // Weights 1/8, 2/4, 3/2 and 4: 2 %, 10 %, 34 % and 100 %.
    for (p, value) in [(0.0, 1.0), (0.02, 1.0), (0.03, 2.0), (0.10, 2.0), (0.11, 3.0), (0.34, 3.0), (0.35, 4.0), (1.0, 4.0)] {
        assert!(close(h.percentile(p), edge(0.01, value)), "{p}");
    }
}

#[test]
fn the_reference_moves_when_the_exponent_grows_too_large() {
    let mut h = cpu(HOUR);
    h.add(2.0, 1000.0, hour(0));
    h.add(1.0, 1.0, hour(20));
    assert!(close(h.percentile(0.999), edge(0.01, 1.0)) && close(h.percentile(1.0), edge(0.01, 2.0)));
    let before = h.reference;
    h.add(1.0, 1.0, hour(140));
    assert!(h.reference > before && h.reference.as_nanos().is_multiple_of(3_600_000_000_000));
    // What is left of the heavy sample is lighter than epsilon.
    assert!(close(h.percentile(1.0), edge(0.01, 1.0)));
}

#[test]
fn a_sample_can_be_taken_out_again() {
    let mut h = cpu(ONE_DAY);
    h.add(3.0, 1.0, hour(0));
    h.add(5.0, 1.0, hour(0));
    h.subtract(5.0, 1.0, hour(0));
    assert!(close(h.percentile(1.0), edge(0.01, 3.0)));
    // Less than epsilon would stay: all goes.
    h.subtract(3.0, 1.0, hour(0));
    assert!(h.is_empty() && h.total.abs() < 1e-9);
    h.add(f64::NAN, 1.0, hour(0));
    h.add(1.0, -1.0, hour(0));
    assert!(h.is_empty());
}

#[test]
fn merging_aligns_the_references() {
    let (mut a, mut b, mut all) = (cpu(HOUR), cpu(HOUR), cpu(HOUR));
    for (h, value, hours) in [(0, 1.0, 0), (0, 2.0, 1), (1, 2.0, 200), (1, 3.0, 201)] {
        (if h == 0 { &mut a } else { &mut b }).add(value, 1.0, hour(hours));
        all.add(value, 1.0, hour(hours));
    }
    a.merge(&b);
    for p in [0.1, 0.5, 0.9] {
        assert!(close(a.percentile(p), all.percentile(p)));
    }
    let text = serde_json::to_string(&a).unwrap();
    assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), a);
}

#[test]
fn nonsense_is_refused_when_read_back() {
    let good = serde_json::to_string(&{
        let mut h = cpu(ONE_DAY);
        h.add(1.0, 1.0, Time::ZERO);
        h
    })
    .unwrap();
    for (from, to) in [("0.01", "0.0000001"), ("[[36,", "[[3600,"), ("1.0]", "-1.0]")] {
        assert!(good.contains(from), "{good}");
        assert!(serde_json::from_str::<Histogram>(&good.replacen(from, to, 1)).is_err());
    }
}

proptest! {
    #[test]
    fn percentiles_rise_and_lie_within_the_samples(
        samples in proptest::collection::vec((0.0f64..900.0, 0u64..400), 1..60), p in 0.0f64..1.0, q in 0.0f64..1.0,
    ) {
        let mut h = cpu(ONE_DAY);
        samples.iter().for_each(|(v, hours)| h.add(*v, 0.1, hour(*hours)));
        let (low, high) = (p.min(q), p.max(q));
        prop_assert!(h.percentile(low) <= h.percentile(high));
        let most = samples.iter().map(|s| s.0).fold(0.0, f64::max);
        prop_assert!(h.percentile(1.0) <= edge(0.01, most) * (1.0 + 1e-9));
    }
}
