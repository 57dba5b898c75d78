//! The view by steps, and that it agrees with the view by arrivals.

use proptest::prelude::*;
use skala_trace::{Holes, ReadOptions, Trace};

use super::{arrivals, secs, short, steps, text};

#[test]
fn arrivals_are_counted_into_steps() {
    let trace = text("arrival_s\n0\n1\n1.5\n9\n30\n").masked(Holes::try_new(vec![(secs(12.0), secs(27.0))]).unwrap());
    assert_eq!(
        short(&steps(&trace, secs(10.0))),
        "0..10 0.400/s\n10..12 0.000/s\n12..20 ?\n20..27 ?\n27..30 0.000/s\n30..40 0.100/s\n"
    );
}

#[test]
fn steps_are_cut_and_joined() {
    let trace = text("timestamp,rps\n0,1\n60,3\n120,5\n");
    assert_eq!(short(&steps(&trace, secs(90.0))), "0..90 1.667/s\n90..180 4.333/s\n");
    assert_eq!(short(&steps(&trace, secs(45.0))), "0..45 1.000/s\n45..90 2.333/s\n90..135 3.667/s\n135..180 5.000/s\n");
}

proptest! {
    #[test]
    fn requests_are_conserved_whatever_the_step(rates in prop::collection::vec(0.0f64..1000.0, 2..20), step in 1u64..500) {
        let rows: String = rates.iter().enumerate().map(|(i, r)| format!("{},{r}\n", i * 60)).collect();
        let options = ReadOptions { holes: false, ..ReadOptions::default() };
        let trace = Trace::text(format!("timestamp,rps\n{rows}").into_bytes(), options);
        let sum: f64 = steps(&trace, secs(step as f64)).iter().map(|s| s.requests()).sum();
        let wanted = rates.iter().sum::<f64>() * 60.0;
        prop_assert!((sum - wanted).abs() <= 1e-9 * wanted + 1e-6, "{sum} {wanted}");
    }

    #[test]
    fn every_arrival_is_in_one_step(gaps in prop::collection::vec(0.0f64..30.0, 1..60), step in 1u64..100) {
        let mut at = 0.0;
        let rows: String = gaps.iter().map(|g| { at += g; format!("{at:.3}\n") }).collect();
        let trace = text(&format!("arrival_s\n{rows}"));
        let all = arrivals(&trace);
        let steps = steps(&trace, secs(step as f64));
        for s in &steps {
            let count = all.iter().filter(|a| (s.from..s.to).contains(&a.at)).count() as f64;
            prop_assert!((s.requests() - count).abs() < 1e-6, "{s:?} {count}");
        }
        prop_assert!((steps.iter().map(|s| s.requests()).sum::<f64>() - all.len() as f64).abs() < 1e-6);
        prop_assert!(steps.windows(2).all(|w| w[0].to == w[1].from));
    }
}
