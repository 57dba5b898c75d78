//! Scaled, cut, moved, joined.

use proptest::prelude::*;
use skala_trace::generate::{Generator, Shape};
use skala_trace::{Drawing, Trace, Window};

use super::{arrivals, secs, short, steps, text, told};

fn poisson(rate: f64, seconds: f64) -> Trace {
    Generator { shape: Shape::Constant(rate), length: secs(seconds), mean: None, drawing: Drawing::default() }.trace().unwrap()
}

/// A recording: arrivals, not rates.
fn recorded(rate: f64, seconds: f64) -> Trace {
    let rows: String = arrivals(&poisson(rate, seconds))
        .iter()
        .map(|a| format!("{},{},7\n", a.at.as_secs_f64(), a.at.subsec_millis() + 1))
        .collect();
    text(&format!("arrival_s,input_tokens,output_tokens\n{rows}"))
}

#[test]
fn thinned_and_superposed_recordings_have_the_wanted_rate_and_stay_poisson() {
    let trace = recorded(30.0, 1000.0);
    let n = arrivals(&trace).len() as f64;
    for factor in [0.1, 0.5, 0.9, 1.5, 3.0, 8.0] {
        let all = arrivals(&trace.clone().scaled(factor).unwrap());
        let (wanted, sigma) = (n * factor, (n * factor * 2.0).sqrt());
        assert!((all.len() as f64 - wanted).abs() < 4.0 * sigma, "{factor}: {} of {wanted}", all.len());
        assert!(all.windows(2).all(|w| w[0].at <= w[1].at), "{factor}");
        assert!(all.iter().all(|a| a.output_tokens == 7), "tokens come from the recording");
        let mut counts = vec![0.0; 1001];
        all.iter().for_each(|a| counts[a.at.as_secs() as usize] += 1.0);
        counts.truncate(1000);
        // Within minutes: slower changes of the rate are the recording's own, and grow with it.
        let off = counts.chunks(60).map(|minute| {
            let mean = minute.iter().sum::<f64>() / minute.len() as f64;
            minute.iter().map(|c| (c - mean).powi(2)).sum::<f64>()
        });
        let dispersion = off.sum::<f64>() / wanted;
        assert!((0.85..1.2).contains(&dispersion), "{factor}: {dispersion}");
        let stepped: f64 = steps(&trace.clone().scaled(factor).unwrap(), secs(60.0)).iter().map(|s| s.requests()).sum();
        assert!((stepped - wanted).abs() < 1e-6 * wanted, "{factor}: {stepped}");
    }
}

#[test]
fn rates_are_multiplied() {
    let trace = text("timestamp,rps\n0,10\n60,20\n").scaled(2.5).unwrap();
    assert_eq!(short(&steps(&trace, secs(60.0))), "0..60 25.000/s\n60..120 50.000/s\n");
}

#[test]
fn windows_count_from_their_beginning() {
    let trace = text("arrival_s\n1\n5\n6\n# hole 8 12\n13\n").window(Window::try_new(secs(5.0), Some(secs(10.0))).unwrap());
    assert_eq!(told(&trace), "0\n1\n3..5 ?\n");
    let rates = text("timestamp,rps\n0,10\n60,20\n").window(Window::try_new(secs(30.0), Some(secs(90.0))).unwrap());
    assert_eq!(short(&steps(&rates, secs(60.0))), "0..60 15.000/s\n");
    assert!(Window::try_new(secs(5.0), Some(secs(5.0))).is_err());
}

#[test]
fn one_after_the_other_and_later() {
    let both = Trace::concatenated(vec![text("timestamp,rps\n0,1\n60,1\n"), text("timestamp,rps\n0,2\n60,2\n")]);
    assert_eq!(short(&steps(&both, secs(120.0))), "0..120 1.000/s\n120..240 2.000/s\n");
    let later = text("arrival_s\n1\n2\n").shifted(secs(10.0)).unwrap();
    assert_eq!(told(&later), "0..10 ?\n11\n12\n");
}

#[test]
fn several_at_once() {
    let all = Trace::merged(vec![text("arrival_s\n1\n4\n"), text("arrival_s\n2\n3\n")]);
    assert_eq!(told(&all), "1\n2\n3\n4\n");
    let rates = Trace::merged(vec![text("timestamp,rps\n0,1\n60,1\n"), text("timestamp,rps\n0,2\n30,2\n60,5\n")]);
    assert_eq!(short(&steps(&rates, secs(60.0))), "0..60 3.000/s\n60..120 3.500/s\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn thinning_keeps_its_share(keep in 0.05f64..0.95, seed in 0u64..1000) {
        let trace = recorded(20.0, 100.0);
        let n = arrivals(&trace).len() as f64;
        let kept = arrivals(&trace.scaled(keep).unwrap().with_seed(seed)).len() as f64;
        prop_assert!((kept - n * keep).abs() < 5.0 * (n * keep * (1.0 - keep)).sqrt() + 1.0);
    }
}
