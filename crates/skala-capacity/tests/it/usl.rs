use expect_test::expect;
use proptest::prelude::*;
use skala_capacity::{NotIdentifiable, Usl, fit_usl};

const VECTOR: Usl = Usl { per_one: 1000.0, contention: 0.02, coherency: 0.0005 };
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 96.0];

#[test]
fn meets_the_published_vector() {
    let x = |n| format!("{:.1}", VECTOR.throughput(n));
    expect!["6849.3 15122.9 14967.3 44.27"].assert_eq(&format!("{} {} {} {:.2}", x(8.0), x(32.0), x(64.0), VECTOR.knee()));
    assert!(VECTOR.peak() >= VECTOR.throughput(44.0) && VECTOR.peak() >= VECTOR.throughput(45.0));
    assert_eq!((VECTOR.throughput(0.0), VECTOR.throughput(1.0), VECTOR.throughput(0.5)), (0.0, 1000.0, 500.0));
}

#[test]
fn without_coherency_it_is_amdahls_law() {
    let amdahl = Usl { per_one: 100.0, contention: 0.05, coherency: 0.0 };
    assert_eq!((amdahl.knee(), amdahl.peak()), (f64::INFINITY, 2000.0));
    assert!((amdahl.throughput(20.0) - 100.0 * 20.0 / 1.95).abs() < 1e-9);
    assert_eq!(Usl { contention: 0.0, ..amdahl }.peak(), f64::INFINITY);
}

#[test]
fn finds_the_curve_again() {
    let fit = fit_usl(&SIZES.map(|n| (n, VECTOR.throughput(n)))).expect("identifiable");
    expect!["1000.000000 0.020000 0.000500 1.000000"]
        .assert_eq(&format!("{:.6} {:.6} {:.6} {:.6}", fit.curve.per_one, fit.curve.contention, fit.curve.coherency, fit.r2));
}

#[test]
fn says_what_noise_leaves_open() {
    // 3 % up and down in turn.
    let noisy: Vec<(f64, f64)> =
        SIZES.iter().enumerate().map(|(i, &n)| (n, VECTOR.throughput(n) * if i % 2 == 0 { 1.03 } else { 0.97 })).collect();
    let fit = fit_usl(&noisy).expect("identifiable");
    assert!((fit.curve.knee() / 44.27 - 1.0).abs() < 0.25, "{fit:?}");
    assert!(fit.errors.per_one > 1.0 && fit.errors.coherency > 1e-6 && fit.errors.coherency < fit.curve.coherency, "{fit:?}");
}

#[test]
fn says_why_it_cannot_tell() {
    let of = |curve: Usl, sizes: &[f64]| {
        fit_usl(&sizes.iter().map(|&n| (n, curve.throughput(n))).collect::<Vec<_>>()).map_err(|e| e.to_string())
    };
    let why = |curve, sizes: &[f64]| of(curve, sizes).expect_err("not identifiable");
    expect!["not identifiable: 5 different sizes, and 6 are needed"].assert_eq(&why(VECTOR, &SIZES[..5]));
    expect!["not identifiable: the largest size is 32.0, before the knee that the curve points to (44.3)"]
        .assert_eq(&why(VECTOR, &SIZES[..6]));
    let straight = Usl { contention: 0.0, coherency: 0.0, ..VECTOR };
    expect!["not identifiable: throughput still grows in proportion (100.0 % at the largest size)"]
        .assert_eq(&why(straight, &SIZES));
    let amdahl = Usl { coherency: 0.0, ..VECTOR };
    expect!["not identifiable: throughput flattens but does not fall up to the largest size, 96.0"]
        .assert_eq(&why(amdahl, &SIZES));
    let jumps: Vec<(f64, f64)> = SIZES.iter().enumerate().map(|(i, &n)| (n, if i % 2 == 0 { 10.0 } else { 1000.0 })).collect();
    assert!(matches!(fit_usl(&jumps), Err(NotIdentifiable::BadFit { .. })), "{:?}", fit_usl(&jumps));
    assert_eq!(fit_usl(&[(f64::NAN, 1.0), (1.0, f64::INFINITY), (0.0, 5.0)]), Err(NotIdentifiable::TooFewSizes { sizes: 0 }));
}

#[test]
fn the_fewest_replicas_for_a_rate_and_beyond_the_knee_nothing_helps() {
    let curve = Usl { per_one: 1000.0, contention: 0.02, coherency: 0.0005 };
    assert_eq!(curve.best(), 44);
    assert_eq!((curve.fewest(0.0), curve.fewest(6849.0), curve.fewest(6850.0)), (Ok(0), Ok(8), Ok(9)));
    assert!(matches!(curve.fewest(16_000.0), Err((44, most)) if most > 15_122.0));
    let straight = Usl { per_one: 100.0, contention: 0.0, coherency: 0.0 };
    assert_eq!(straight.fewest(500.0), Ok(5));
}

proptest! {
    #[test]
    fn finds_any_curve_that_the_sizes_span(per_one in 0.1..1e5f64, contention in 0.0..0.3f64, coherency in 0.0005..0.01f64) {
        let curve = Usl { per_one, contention, coherency };
        let fit = fit_usl(&SIZES.map(|n| (n, curve.throughput(n)))).expect("identifiable");
        prop_assert!((fit.curve.per_one / per_one - 1.0).abs() < 1e-4, "{fit:?}");
        prop_assert!((fit.curve.knee() / curve.knee() - 1.0).abs() < 1e-3, "{fit:?}");
    }
}
