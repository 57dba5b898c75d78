//! Made-up loads.

use std::time::Duration;

use skala_trace::generate::{Clients, Diurnal, Flash, Generator, Mmpp, Shape, State, clients};
use skala_trace::{Drawing, GapFamily, TokenPairs, Trace};

use super::{arrivals, secs, steps};

fn made(shape: Shape, seconds: f64, mean: Option<f64>, drawing: Drawing) -> Trace {
    Generator { shape, length: secs(seconds), mean, drawing }.trace().unwrap()
}

fn mean(trace: &Trace) -> f64 {
    let all = steps(trace, secs(60.0));
    all.iter().map(|s| s.requests()).sum::<f64>() / all.last().unwrap().to.as_secs_f64()
}

#[test]
fn every_shape_hits_its_mean() {
    let shapes = [
        Shape::Constant(3.0),
        Shape::Diurnal(Diurnal::default()),
        Shape::Flash(Flash { base: 1.0, times: 20.0, at: secs(3000.0), rise: secs(30.0), decay: secs(300.0) }),
        Shape::Ramp(1.0, 9.0),
        Shape::Steps(vec![(5.0, secs(100.0)), (50.0, secs(400.0))]),
    ];
    for shape in shapes {
        for length in [86_400.0, 7.0 * 86_400.0] {
            let got = mean(&made(shape.clone(), length, Some(50.0), Drawing::default()));
            assert!((got - 50.0).abs() < 1e-6, "{shape:?}: {got}");
        }
    }
    let mmpp = Mmpp {
        states: vec![
            State { rate: 1.0, stay: secs(60.0) },
            State { rate: 10.0, stay: secs(20.0) },
            State { rate: 0.0, stay: secs(20.0) },
        ],
    };
    let got = mean(&made(Shape::Mmpp(mmpp), 14.0 * 86_400.0, Some(50.0), Drawing::default()));
    assert!((got - 50.0).abs() < 2.0, "{got}");
}

#[test]
fn the_shape_of_a_week_and_of_a_crowd() {
    let week = steps(&made(Shape::Diurnal(Diurnal::default()), 7.0 * 86_400.0, Some(100.0), Drawing::default()), secs(3600.0));
    let rate = |day: usize, hour: usize| week[day * 24 + hour].rate.unwrap();
    assert!(rate(1, 14) > 2.0 * rate(1, 3));
    assert!((rate(5, 14) / rate(1, 14) - 0.6).abs() < 1e-9);
    let flash = Flash { base: 10.0, times: 10.0, at: secs(600.0), rise: secs(30.0), decay: secs(300.0) };
    let crowd = steps(&made(Shape::Flash(flash), 3600.0, None, Drawing::default()), secs(1.0));
    assert_eq!(crowd[599].rate, Some(10.0));
    assert!((crowd[630].rate.unwrap() - 100.0).abs() < 1.0);
    assert!((crowd[930].rate.unwrap() - (10.0 + 90.0 / std::f64::consts::E)).abs() < 0.5);
}

#[test]
fn tokens_have_the_published_percentiles() {
    let drawing = Drawing { tokens: Some(TokenPairs::chat().correlated(0.5).unwrap()), ..Drawing::default() };
    let all = arrivals(&made(Shape::Constant(100.0), 1000.0, None, drawing));
    let percentile = |of: fn(&skala_trace::Arrival) -> u32, q: f64| {
        let mut values: Vec<u32> = all.iter().map(of).collect();
        values.sort_unstable();
        f64::from(values[(values.len() as f64 * q) as usize])
    };
    for (of, q, wanted) in [
        ((|a| a.input_tokens) as fn(&skala_trace::Arrival) -> u32, 0.5, 1020.0),
        (|a| a.input_tokens, 0.99, 4142.0),
        (|a| a.output_tokens, 0.5, 129.0),
        (|a| a.output_tokens, 0.99, 601.0),
    ] {
        let got = percentile(of, q);
        assert!((got / wanted - 1.0).abs() < 0.05, "{got} {wanted}");
    }
    let logs: Vec<(f64, f64)> = all.iter().map(|a| (f64::from(a.input_tokens).ln(), f64::from(a.output_tokens).ln())).collect();
    let n = logs.len() as f64;
    let (mx, my) = logs.iter().fold((0.0, 0.0), |s, l| (s.0 + l.0 / n, s.1 + l.1 / n));
    let (xy, xx, yy) = logs
        .iter()
        .fold((0.0, 0.0, 0.0), |s, l| (s.0 + (l.0 - mx) * (l.1 - my), s.1 + (l.0 - mx).powi(2), s.2 + (l.1 - my).powi(2)));
    assert!((xy / (xx * yy).sqrt() - 0.5).abs() < 0.03);
}

#[test]
fn both_views_of_random_rates_show_the_same_path() {
    let mmpp = Mmpp { states: vec![State { rate: 5.0, stay: secs(300.0) }, State { rate: 80.0, stay: secs(100.0) }] };
    let trace = made(Shape::Mmpp(mmpp), 7200.0, None, Drawing::default()).with_seed(9);
    let all = arrivals(&trace);
    for step in steps(&trace, secs(600.0)) {
        let count = all.iter().filter(|a| (step.from..step.to).contains(&a.at)).count() as f64;
        assert!((count - step.requests()).abs() < 5.0 * step.requests().sqrt(), "{step:?}: {count}");
    }
}

#[test]
fn clients_sum_to_the_mean_and_differ() {
    let of = Clients {
        count: 12,
        mean: 40.0,
        length: Duration::from_secs(86_400),
        skew: 1.0,
        cv: 1.5,
        family: GapFamily::Gamma,
        tokens: true,
        seed: 3,
    };
    let trace = clients(&of).unwrap();
    assert!((mean(&trace) - 40.0).abs() < 1e-6);
    let hour = trace.window(skala_trace::Window::try_new(secs(36_000.0), Some(secs(37_800.0))).unwrap());
    let all = arrivals(&hour);
    let expected: f64 = steps(&hour, secs(60.0)).iter().map(|s| s.requests()).sum();
    assert!((all.len() as f64 / expected - 1.0).abs() < 0.1, "{} of {expected}", all.len());
    assert!(all.iter().all(|a| a.input_tokens > 0));
    assert_ne!(
        arrivals(
            &clients(&Clients { seed: 4, ..of })
                .unwrap()
                .window(skala_trace::Window::try_new(secs(0.0), Some(secs(60.0))).unwrap())
        )
        .len(),
        0
    );
}

#[test]
fn values_out_of_bounds_are_refused() {
    let make = |shape, length, mean, cv| {
        Generator { shape, length: secs(length), mean, drawing: Drawing { cv, ..Drawing::default() } }
            .trace()
            .map(drop)
            .map_err(|e| e.to_string())
    };
    assert!(make(Shape::Constant(1e9), 10.0, None, None).is_err());
    assert!(make(Shape::Constant(f64::NAN), 10.0, None, None).is_err());
    assert!(make(Shape::Constant(1.0), 0.0, None, None).is_err());
    assert!(make(Shape::Constant(1.0), 10.0, Some(f64::INFINITY), None).is_err());
    assert!(make(Shape::Constant(1.0), 10.0, None, Some(-1.0)).is_err());
    assert!(make(Shape::Constant(0.0), 10.0, Some(5.0), None).is_err());
    assert!(make(Shape::Mmpp(Mmpp { states: vec![] }), 10.0, Some(5.0), None).is_err());
    assert!(make(Shape::Steps(vec![]), 10.0, Some(5.0), None).is_err());
}
