use expect_test::expect;
use proptest::prelude::*;
use skala_capacity::postgres::{Pool, connections_left, first_pool_size, replicas_that_fit};
use skala_capacity::*;

#[test]
fn sakasegawa_meets_the_published_vectors() {
    let rows = [(1.0, 0.5), (2.0, 0.8), (4.0, 0.7), (4.0, 0.9), (8.0, 0.8), (16.0, 0.9), (32.0, 0.95), (100.0, 0.9)];
    let waits = rows.map(|(c, rho)| format!("{:.6}", sakasegawa_wait(c, rho, 1.0, 1.0, 1.0))).join(" ");
    expect!["1.000000 1.809131 0.385370 1.990672 0.303135 0.375688 0.433693 0.024855"].assert_eq(&waits);
    assert_eq!((sakasegawa_wait(4.0, 1.0, 1.0, 1.0, 1.0), sakasegawa_wait(4.0, 0.0, 1.0, 1.0, 1.0)), (f64::INFINITY, 0.0));
}

#[test]
fn little_ties_three_numbers() {
    assert_eq!((in_system(50.0, 0.2), time_in_system(10.0, 50.0), time_in_system(1.0, 0.0)), (10.0, Some(0.2), None));
    assert!((little_error(10.0, 50.0, 0.19) - 0.05).abs() < 1e-12);
    assert_eq!((little_error(0.0, 0.0, 0.0), little_error(0.0, 1.0, 1.0)), (0.0, f64::INFINITY));
}

#[test]
fn retries_multiply_failures() {
    assert_eq!((retry_amplification(0.5, 3), retry_amplification(0.0, 3), retry_amplification(1.0, 3)), (1.875, 1.0, 4.0));
    assert!((retry_amplification(1.0 - 1e-9, 3) - 4.0).abs() < 1e-6);
    assert_eq!(retry_state(30.0, 100.0, 0.01, 2), RetryState::Calm);
    assert_eq!(retry_state(50.0, 100.0, 0.01, 2), RetryState::Metastable);
    assert_eq!(retry_state(60.0, 100.0, 0.7, 2), RetryState::Overloaded);
}

#[test]
fn head_room_covers_the_ramp_until_help_is_there() {
    // WorldCup98: x 1.83 in 300 s; 60 s until a decision is capacity.
    let u = max_utilisation(0.83 / 300.0, 60.0);
    assert!((u - 0.857633).abs() < 1e-6, "{u}");
    assert_eq!((newsvendor_quantile(9.0, 1.0), newsvendor_quantile(19.0, 1.0)), (Some(0.9), Some(0.95)));
    assert_eq!((newsvendor_quantile(0.0, 0.0), newsvendor_quantile(0.0, 1.0)), (None, Some(0.0)));
}

#[test]
fn supply_that_lags_is_rated() {
    let e = elasticity([(10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 30.0)]);
    assert_eq!((e.under_accuracy, e.over_accuracy, e.under_share, e.over_share), (0.125, 0.5, 0.25, 0.25));
    assert!((e.instability - 1.0 / 3.0).abs() < 1e-12, "{e:?}");
    assert_eq!(elasticity([]), Elasticity::default());
}

#[test]
fn postgres_bounds_the_pools() {
    let pools = [Pool { replicas: 6, connections: 10 }, Pool { replicas: 4, connections: 5 }];
    assert_eq!((connections_left(100, 5, &pools), replicas_that_fit(100, 5, &pools, 5)), (12, 2));
    assert_eq!((connections_left(50, 0, &pools), replicas_that_fit(50, 0, &pools, 5)), (-33, 0));
    assert_eq!((replicas_that_fit(100, 0, &[], 0), first_pool_size(8, 1)), (u32::MAX, 17));
    let many = [Pool { replicas: u32::MAX, connections: u32::MAX }; 3];
    assert!(connections_left(100, 0, &many) < 0);
}

#[test]
fn small_claims_are_met_first() {
    assert_eq!(max_min_fair(10.0, &[8.0, 2.0, 4.0]), [4.0, 2.0, 4.0]);
    assert_eq!(max_min_fair(9.0, &[8.0, 1.0, 6.0]), [4.0, 1.0, 4.0]);
    assert_eq!(max_min_fair(0.0, &[1.0]), [0.0]);
}

#[test]
fn needs_round_up_and_forgive_rounding_errors() {
    assert_eq!([3.0, 3.000000000001, 3.001, 0.0, 0.2].map(round_up), [3, 3, 4, 0, 1]);
    assert_eq!((round_up(f64::NAN), round_up(f64::INFINITY)), (0, u64::MAX));
}

proptest! {
    #[test]
    fn a_fair_split_gives_all_and_no_more_than_claimed(capacity in 0.0..100.0f64, claims in prop::collection::vec(0.0..50.0f64, 0..12)) {
        let parts = max_min_fair(capacity, &claims);
        let sum: f64 = parts.iter().sum();
        prop_assert!((sum - capacity.min(claims.iter().sum())).abs() < 1e-9);
        for (part, claim) in parts.iter().zip(&claims) {
            prop_assert!(part <= claim);
            // Who got less than it claimed got as much as anybody.
            prop_assert!(*part >= claim - 1e-9 || parts.iter().all(|other| other <= &(part + 1e-9)));
        }
    }
}
