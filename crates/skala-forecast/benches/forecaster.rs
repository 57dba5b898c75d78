//! What forecasting costs after a fortnight: a minute, six hours with their refits, a question, and storing.
//!
//! `cargo bench -p skala-forecast`

use std::f64::consts::TAU;
use std::time::Duration;

use divan::{Bencher, black_box};
use skala_forecast::Forecaster;
use skala_types::Time;

const FORTNIGHT: u64 = 14 * 1440;
const MINUTE: Duration = Duration::from_secs(60);

fn main() {
    divan::main();
}

fn feed(forecaster: &mut Forecaster, minutes: std::ops::Range<u64>) {
    for minute in minutes {
        let day = 100.0 - 80.0 * (TAU * minute as f64 / 1440.0).cos();
        let weekend = if minute / 1440 % 7 < 5 { 1.0 } else { 0.4 };
        let noise = (minute * 7919 % 101) as f64 / 10.0;
        forecaster.observe(Time::from_secs(minute * 60), MINUTE, 60.0 * (day * weekend + noise));
    }
}

fn after_a_fortnight() -> Forecaster {
    let mut forecaster = Forecaster::new();
    feed(&mut forecaster, 0..FORTNIGHT + 361);
    forecaster
}

#[divan::bench]
fn a_minute(bencher: Bencher) {
    let forecaster = after_a_fortnight();
    bencher.with_inputs(|| forecaster.clone()).bench_local_refs(|forecaster| feed(forecaster, FORTNIGHT + 361..FORTNIGHT + 362));
}

#[divan::bench]
fn the_minute_of_all_refits(bencher: Bencher) {
    let mut forecaster = after_a_fortnight();
    feed(&mut forecaster, FORTNIGHT + 361..FORTNIGHT + 719);
    bencher.with_inputs(|| forecaster.clone()).bench_local_refs(|forecaster| feed(forecaster, FORTNIGHT + 719..FORTNIGHT + 720));
}

#[divan::bench]
fn a_question(bencher: Bencher) {
    let forecaster = after_a_fortnight();
    let now = Time::from_secs((FORTNIGHT + 361) * 60);
    assert!(forecaster.forecast(now, 5 * MINUTE, [0.9]).is_ok());
    bencher.bench_local(|| forecaster.forecast(black_box(now), 5 * MINUTE, [0.9]));
}

#[divan::bench]
fn storing(bencher: Bencher) {
    let forecaster = after_a_fortnight();
    bencher.bench_local(|| forecaster.save());
}
