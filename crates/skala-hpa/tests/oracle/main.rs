//! Seeded random worlds: an independent reading of the rules gives the same answers, and what must always hold holds.

mod model;
mod properties;
mod worlds;

use worlds::World;

/// How many random worlds are compared.
const CASES: u64 = 20_000;

#[test]
fn an_independent_reading_of_the_rules_agrees() {
    let (mut rescaled, mut failed, mut slow) = (0, 0, 0);
    for seed in 0..CASES {
        let world = World::random(seed);
        let outcome = world.run();
        let told: Vec<Option<i32>> = outcome.metrics.iter().map(|m| m.proposal).collect();
        let expected = model::reconcile(&world);
        let history = outcome.history.clone().unwrap_or_default();
        let actual = model::Answer {
            desired: outcome.desired_replicas.expect("random worlds have a scale"),
            proposals: told,
            recommendations: history.recommendations.iter().map(|r| (r.at, r.replicas)).collect(),
            ups: history.scale_ups.iter().map(|e| (e.at, e.change)).collect(),
            downs: history.scale_downs.iter().map(|e| (e.at, e.change)).collect(),
        };
        assert_eq!(actual, expected, "seed {seed}: {world:#?}\n{}", outcome.explain());
        rescaled += u64::from(outcome.rescale);
        failed += u64::from(outcome.metrics.iter().any(|m| m.error.is_some()));
        slow += u64::from(outcome.trace.metrics.iter().any(|m| m.second.is_some()));
    }
    // The worlds reach what they are for.
    assert!(rescaled > CASES / 4 && failed > CASES / 20 && slow > CASES / 10, "{rescaled} {failed} {slow}");
}
