//! Prints how every model does on a trace: `forecasts STEP_SECONDS rates|counts [unknown-zeros] < trace.csv`.
//!
//! Rows are `second,value`, the value being requests per second or requests in the step. Rows that are missing are holes; with
//! `unknown-zeros`, rows of zero are too. Every day it takes the scores, and prints their mean at the end.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::Duration;

use skala_forecast::{Forecaster, Model};
use skala_types::Time;

#[derive(Default)]
struct Row {
    days: f64,
    loss: f64,
    last_value: f64,
    seasonal_naive: f64,
    coverage: [f64; 3],
    minutes_speaking: u64,
}

#[expect(clippy::print_stdout, reason = "an example prints")]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let step: u64 = args.first().and_then(|step| step.parse().ok()).unwrap_or(300);
    let counts = args.iter().any(|arg| arg == "counts");
    let unknown_zeros = args.iter().any(|arg| arg == "unknown-zeros");
    let mut forecaster = Forecaster::new();
    let mut rows: BTreeMap<(u32, Model), Row> = BTreeMap::new();
    let mut minutes = 0;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let mut fields = line.split(',').map(|field| field.parse::<f64>().ok());
        let (Some(Some(second)), Some(Some(value))) = (fields.next(), fields.next()) else { continue };
        if value == 0.0 && unknown_zeros {
            continue;
        }
        for minute in 0..step.div_ceil(60) {
            let from = second as u64 + 60 * minute;
            let count = if counts { value / step as f64 } else { value } * 60.0;
            forecaster.observe(Time::from_secs(from), Duration::from_secs(60), count);
            minutes += 1;
            take(&forecaster, &mut rows, minutes % 1440 == 0);
        }
    }
    println!("{minutes} minutes, seasons {:?}, state {} bytes", forecaster.seasons(), state_bytes(&forecaster));
    println!("  min  model                                  days    loss  /last /naive   covered .5 .9 .95  speaks");
    for ((horizon, model), row) in &rows {
        let mean = |sum: f64| sum / row.days;
        let [a, b, c] = row.coverage.map(mean);
        let (last, naive) = (row.loss / row.last_value, row.loss / row.seasonal_naive);
        let (name, speaks) = (model.name(), 100 * row.minutes_speaking / minutes.max(1));
        println!(
            "{horizon:5}  {name:38} {:4} {:8.2} {last:6.3} {naive:6.3}     {a:.2} {b:.2} {c:.2}   {speaks:3}%",
            row.days,
            mean(row.loss)
        );
    }
}

fn state_bytes(forecaster: &Forecaster) -> usize {
    forecaster.save().body.to_string().len()
}

fn take(forecaster: &Forecaster, rows: &mut BTreeMap<(u32, Model), Row>, day: bool) {
    for score in forecaster.scores() {
        let row = rows.entry((score.horizon_minutes, score.model)).or_default();
        row.minutes_speaking += u64::from(score.speaks);
        if day && score.minutes > 300.0 {
            row.days += 1.0;
            row.loss += score.loss;
            row.last_value += score.loss_last_value;
            row.seasonal_naive += score.loss_seasonal_naive;
            row.coverage.iter_mut().zip(score.coverage).for_each(|(sum, share)| *sum += share);
        }
    }
}
