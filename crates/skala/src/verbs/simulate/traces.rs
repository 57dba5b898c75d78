//! The traces: files and generators, opened as often as runs need them.

use std::time::Duration;

use skala_load::parse_duration;
use skala_sim::SimError;
use skala_trace::{Arrival, Arrivals, Item, RateStep, Steps, TraceError};
use skala_types::Streams;

use super::args::SimulateArgs;
use crate::exit::{Exit, USAGE};

#[derive(Clone, Copy)]
struct Sine {
    mean: f64,
    swing: f64,
    period: f64,
    length: f64,
}

impl Sine {
    fn rate(&self, at: f64) -> f64 {
        (self.mean * (1.0 - self.swing * (std::f64::consts::TAU * at / self.period).cos())).max(0.0)
    }
}

/// A trace by its name.
pub struct Source {
    /// As the user gave it.
    pub name: String,
    sine: Sine,
}

struct Drawn {
    sine: Sine,
    at: f64,
    draw: Box<dyn FnMut() -> f64>,
}

impl Arrivals for Drawn {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        let most = self.sine.mean * (1.0 + self.sine.swing);
        loop {
            self.at += -(1.0 - (self.draw)()).ln() / most;
            if self.at >= self.sine.length {
                return Ok(None);
            }
            if (self.draw)() * most < self.sine.rate(self.at) {
                return Ok(Some(Item::Arrival(Arrival { at: Duration::from_secs_f64(self.at), ..Arrival::default() })));
            }
        }
    }

    fn end(&self) -> Option<Duration> {
        Some(Duration::from_secs_f64(self.sine.length))
    }
}

struct Stepped(Sine, u64);

impl Steps for Stepped {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let from = self.1;
        self.1 += 1;
        if from as f64 >= self.0.length {
            return Ok(None);
        }
        let rate = Some(self.0.rate(from as f64 + 0.5));
        Ok(Some(RateStep { from: Duration::from_secs(from), to: Duration::from_secs(from + 1), rate, gap_scv: 1.0, tokens: (0.0, 0.0) }))
    }
}

impl Source {
    /// About how many requests there are.
    pub fn requests(&self) -> Result<f64, SimError> {
        Ok(self.sine.mean * self.sine.length)
    }

    /// Its requests, from the beginning.
    pub fn arrivals(&self, seed: u64) -> Result<Box<dyn Arrivals>, SimError> {
        use rand::RngExt as _;
        let mut stream = Streams::new(seed).stream("trace");
        Ok(Box::new(Drawn { sine: self.sine, at: 0.0, draw: Box::new(move || stream.random::<f64>()) }))
    }

    /// Its load by steps, from the beginning.
    pub fn steps(&self) -> Result<Box<dyn Steps>, SimError> {
        Ok(Box::new(Stepped(self.sine, 0)))
    }
}

/// Every trace of the command line.
pub fn open(args: &SimulateArgs) -> Result<Vec<Source>, Exit> {
    let usage = |m: String| Exit::new(USAGE, m, "write 'diurnal mean=50rps for=1d'");
    let read = |text: &String| {
        let mut sine = Sine { mean: 50.0, swing: 0.6, period: 86_400.0, length: 86_400.0 };
        for word in text.split_whitespace().skip(1) {
            let (key, value) = word.split_once('=').ok_or_else(|| usage(format!("'{word}' is not KEY=VALUE")))?;
            let time = || parse_duration(value).map(|d| d.as_secs_f64()).map_err(|e| usage(e.to_string()));
            match key {
                "mean" => sine.mean = value.trim_end_matches("rps").parse().map_err(|_| usage(format!("'{value}' is not a rate")))?,
                "for" => sine.length = time()?,
                "period" => sine.period = time()?,
                _ => return Err(usage(format!("'{key}' is unknown"))),
            }
        }
        Ok(Source { name: text.clone(), sine })
    };
    args.generate.iter().map(read).collect()
}
