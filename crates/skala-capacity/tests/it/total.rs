//! Numbers that mean nothing, and numbers beyond all measure: every function answers, quickly, and never with NaN.

use proptest::prelude::*;
use skala_capacity::cost::{FromZero, PerHour, SpotMarket, allocate, cost_per_unit, reserve, spot_blend, zero_pays};
use skala_capacity::llm::provider::{Limits, TokenPrices, spend};
use skala_capacity::llm::roofline::{Accelerator, Model, accelerators, sequences_in_flight};
use skala_capacity::*;

fn odd() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.0),
        Just(-1.0),
        Just(1.0),
        Just(f64::MIN_POSITIVE),
        Just(1e-12),
        Just(1e5),
        Just(1e12),
        Just(f64::MAX),
        0.0..10.0f64,
    ]
}

fn numbers(of: &[f64]) -> Result<(), TestCaseError> {
    match of.iter().position(|x| x.is_nan()) {
        Some(at) => Err(TestCaseError::fail(format!("number {at} of {of:?} is NaN"))),
        None => Ok(()),
    }
}

proptest! {
    #[test]
    fn queues(a in odd(), b in odd(), c in odd(), d in odd(), e in odd(), per: u32) {
        numbers(&[erlang_b(a, b), erlang_c(a, b), sakasegawa_wait(a, b, c, d, e), retry_amplification(a, per), in_system(a, b), little_error(a, b, c)])?;
        let demand = Demand { arrival_scv: d, ..Demand::new(a, Service::new(b, c)) };
        match demand.on(e) {
            Ok(q) => numbers(&[
                q.utilisation(), q.chance_of_wait(), q.mean_wait(), q.wait_exceeds(a), q.wait_quantile(b), q.mean_response(),
                q.response_exceeds(c), q.response_quantile(d), q.waiting(), q.in_system(),
            ])?,
            Err(u) => numbers(&[u.utilisation(), u.growth(), u.wait_after(d), u.drain_after(d, a).seconds()])?,
        }
        for measure in [Measure::Wait, Measure::Response] {
            let _ = staff(&demand, &Goal { measure, quantile: d, seconds: e }, per);
        }
        numbers(&[drain_time(a, b, c).seconds(), drain_workers(a, b, c, d) as f64])?;
        let _ = retry_state(a, b, c, per);
        let room = bounded(a, b, c, u64::from(per));
        numbers(&[room.refused, room.accepted_wait, room.throughput, room.utilisation, room.waiting])?;
    }

    #[test]
    fn scaling(a in odd(), b in odd(), c in odd(), d in odd()) {
        let usl = Usl { per_one: a, contention: b, coherency: c };
        numbers(&[usl.throughput(d), usl.knee(), usl.peak(), max_utilisation(a, b), newsvendor_quantile(a, b).unwrap_or(0.0)])?;
        numbers(&[burn(Counted { total: a, bad: b }, c).unwrap_or(0.0), burn_factor(a, b, c), exhausted_in(a, b, c)])?;
        let points: Vec<(f64, f64)> = [a, b, c, d, 2.0, 3.0, 4.0, 5.0].iter().zip([d, c, b, a, 1.0, 2.0, 3.0, 2.0]).map(|(x, y)| (*x, y)).collect();
        if let Ok(fit) = fit_usl(&points) {
            numbers(&[fit.curve.per_one, fit.curve.contention, fit.curve.coherency, fit.r2])?;
        }
        let e = elasticity([(a, b), (c, d)]);
        numbers(&[e.under_share, e.over_share, e.instability])?;
        numbers(&max_min_fair(a, &[b, c, d]))?;
    }

    #[test]
    fn costs_and_models(a in odd(), b in odd(), c in odd(), d in odd(), e in odd()) {
        let market = SpotMarket { on_demand: PerHour(a), spot: PerHour(b), interruptions: c, replacement_hours: d, lost_hours: e };
        let _ = spot_blend(a, b, &market);
        let _ = (reserve(&[a, b, c], PerHour(d), PerHour(e)), allocate(PerHour(a), b, &[(c, d)]), cost_per_unit(a, PerHour(b), c));
        let _ = zero_pays(&FromZero { idle_price: PerHour(a), idle_hours: b, cold_starts: c, cold_seconds: d, second_value: e, start_cost: a });
        let model = Model { parameters: a, bytes: b, layers: c, kv_heads: d, head_dim: e };
        let card = Accelerator { flops: a, flops_share: b, bandwidth: c, bandwidth_share: d, memory: e, memory_share: a, activations: b };
        numbers(&[card.prefill(&model), card.decode(&model, c, d), card.kv_tokens(&model)])?;
        let _ = (card.max_batch(&model, e), accelerators(a, b, c, d, e), sequences_in_flight(a, b, c, d));
        let limits = Limits { requests_per_minute: Some(a), tokens_per_minute: Some(b), concurrency: Some(c) };
        numbers(&[limits.admissible(d, e).map_or(0.0, |l| l.0)])?;
        let _ = spend(a, b, c, d, &TokenPrices { input: e, cached: a, output: b });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn callers_who_leave(a in odd(), b in odd(), c in odd(), d in odd()) {
        for patience in [Patience::Mean(d), Patience::Deadline(d)] {
            let left = abandoned(a, b, c, patience);
            numbers(&[left.lost, left.wait, left.utilisation])?;
        }
    }
}
