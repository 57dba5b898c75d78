//! What a trace is like.

use skala_trace::generate::{Diurnal, Generator, Mmpp, Shape, State};
use skala_trace::inspect::Inspection;
use skala_trace::{Drawing, Trace, TraceError};

use super::{secs, text};

fn inspected(trace: &Trace) -> Inspection {
    Inspection::of(trace, |_| {}).unwrap()
}

fn recorded(shape: Shape, seconds: f64) -> Trace {
    let made = Generator { shape, length: secs(seconds), mean: None, drawing: Drawing::default() }.trace().unwrap();
    let rows: String = super::arrivals(&made).iter().map(|a| format!("{}\n", a.at.as_secs_f64())).collect();
    text(&format!("arrival_s\n{rows}"))
}

#[test]
fn poisson_arrivals_look_poisson() {
    let i = inspected(&recorded(Shape::Constant(20.0), 7200.0));
    assert_eq!((i.kind, i.holes), ("arrivals", 0));
    assert!((i.mean_rate - 20.0).abs() < 0.5, "{i:?}");
    assert!((i.gap_cv.unwrap() - 1.0).abs() < 0.02, "{i:?}");
    let index = |window| i.dispersion.iter().find(|d| d.window_seconds == window).unwrap();
    assert!((index(1).index - 1.0).abs() < 0.1 && (index(10).index - 1.0).abs() < 0.25, "{:?}", i.dispersion);
    // The last window is not whole.
    assert_eq!(index(600).windows, 11);
}

#[test]
fn bursts_show_at_their_scale() {
    let states = vec![State { rate: 2.0, stay: secs(100.0) }, State { rate: 60.0, stay: secs(30.0) }];
    let i = inspected(&recorded(Shape::Mmpp(Mmpp { states }), 14_400.0));
    let index: Vec<f64> = i.dispersion.iter().map(|d| d.index).collect();
    assert!(index[0] > 10.0 && index[1] > index[0] * 3.0 && index[2] > index[1], "{index:?}");
}

#[test]
fn a_day_and_a_week_are_found_where_there_are_two() {
    let made = |days: f64| {
        Generator {
            shape: Shape::Diurnal(Diurnal::default()),
            length: secs(days * 86_400.0),
            mean: Some(50.0),
            drawing: Drawing::default(),
        }
        .trace()
        .unwrap()
    };
    let fortnight = inspected(&made(14.0));
    let found: Vec<_> = fortnight.seasons.iter().map(|s| (s.period, s.found)).collect();
    assert_eq!(found, [("day", true), ("week", true)]);
    assert_eq!(fortnight.requests.round(), 50.0 * 14.0 * 86_400.0);
    assert!(inspected(&made(1.5)).seasons.is_empty());
    // A long one is merged, and still known.
    assert!(inspected(&made(40.0)).seasons.iter().all(|s| s.found));
}

#[test]
fn holes_are_told_and_not_read_as_quiet() {
    let rows: String = (0..60).filter(|i| !(20..25).contains(i)).map(|i| format!("{},100\n", i * 60)).collect();
    let i = inspected(&text(&format!("timestamp,rps\n{rows}")));
    assert_eq!((i.holes, i.hole_seconds, i.mean_rate, i.peak_rate), (1, 300.0, 100.0, 100.0));
    assert_eq!((i.hole_list[0].from_seconds, i.hole_list[0].to_seconds), (1200.0, 1500.0));
}

#[test]
fn tokens_by_percentile() {
    let rows: String = (1..=1000).map(|i| format!("{i},{i},5\n")).collect();
    let i = inspected(&text(&format!("arrival_s,input_tokens,output_tokens\n{rows}")));
    let input = i.input_tokens.unwrap();
    assert!((input.mean - 500.5).abs() < 1e-9);
    for (got, wanted) in [(input.p50, 500.0), (input.p90, 900.0), (input.p99, 990.0)] {
        assert!((got.unwrap() / wanted - 1.0).abs() < 0.01, "{got:?} {wanted}");
    }
    assert_eq!((input.max, i.output_tokens.unwrap().max), (Some(1000.0), Some(5.0)));
}

#[test]
fn a_trace_of_zeros_holds_no_arrivals() {
    assert_eq!(Inspection::of(&text("timestamp,rps\n0,0\n60,0\n"), |_| {}), Err(TraceError::Empty));
}
