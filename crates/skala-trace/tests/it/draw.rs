//! Arrivals drawn from rates.

use skala_trace::{Drawing, GapFamily, Item, Trace};

use super::{arrivals, items, secs, text};

fn gaps(trace: &Trace) -> (f64, f64) {
    let all = arrivals(trace);
    let gaps: Vec<f64> = all.windows(2).map(|w| (w[1].at - w[0].at).as_secs_f64()).collect();
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n;
    (1.0 / mean, variance.sqrt() / mean)
}

#[test]
fn gaps_have_the_wanted_rate_and_variation() {
    let flat = text("timestamp,rps\n0,100\n500,100\n");
    for family in [GapFamily::Gamma, GapFamily::Weibull] {
        for cv in [0.0, 0.5, 1.0, 2.0] {
            let trace = flat.clone().drawn(Drawing { family, cv: Some(cv), tokens: None });
            let (rate, measured) = gaps(&trace);
            assert!((rate - 100.0).abs() < 2.5 * (1.0 + cv), "{family:?} {cv}: {rate}/s");
            assert!((measured - cv).abs() < 0.05 * (1.0 + cv), "{family:?} {cv}: {measured}");
        }
    }
}

#[test]
fn the_variation_of_each_step_counts() {
    let (_, cv) = gaps(&text("timestamp,rps,gap_scv\n0,100,9\n500,100,9\n"));
    assert!((cv - 3.0).abs() < 0.2, "{cv}");
}

#[test]
fn arrivals_follow_the_rate() {
    let all = arrivals(&text("timestamp,rps\n0,10\n1000,0\n2000,50\n"));
    let within = |from, to| all.iter().filter(|a| (from..to).contains(&a.at.as_secs())).count() as f64;
    assert!((within(0, 1000) - 10_000.0).abs() < 400.0);
    assert_eq!(within(1000, 2000), 0.0);
    assert!((within(2000, 3000) - 50_000.0).abs() < 900.0);
}

#[test]
fn linear_rates_keep_their_requests_and_jump_less() {
    let trace = text("timestamp,rps\n0,10\n1000,30\n2000,20\n").linear();
    let mut own = trace.own_steps(secs(1.0)).unwrap();
    let all: Vec<_> = std::iter::from_fn(|| own.next().unwrap()).collect();
    let of = |i: u64| all.iter().filter(|s| s.from.as_secs() / 1000 == i).map(|s| s.requests()).sum::<f64>();
    for (i, requests) in [10_000.0, 30_000.0, 20_000.0].into_iter().enumerate() {
        assert!((of(i as u64) - requests).abs() < 1e-3, "{}", of(i as u64));
    }
    let jumps = all.windows(2).map(|w| (w[1].rate.unwrap() - w[0].rate.unwrap()).abs());
    assert!(jumps.fold(0.0, f64::max) < 10.0);
}

#[test]
fn holes_come_in_order_and_hold_no_arrivals() {
    let all = items(&text("timestamp,rps\n0,5\n100,\n200,5\n")).unwrap();
    let hole = all.iter().position(|i| *i == Item::Hole { from: secs(100.0), to: secs(200.0) }).unwrap();
    let at = |i: &Item| if let Item::Arrival(a) = i { a.at } else { secs(100.0) };
    assert!(all[..hole].iter().all(|i| at(i) < secs(100.0)) && all[hole + 1..].iter().all(|i| at(i) >= secs(200.0)));
}

#[test]
fn the_same_seed_gives_the_same_arrivals() {
    let trace = text("timestamp,rps\n0,5\n100,7\n");
    assert_eq!(arrivals(&trace), arrivals(&trace.clone()));
    assert_ne!(arrivals(&trace), arrivals(&trace.clone().with_seed(2)));
}
