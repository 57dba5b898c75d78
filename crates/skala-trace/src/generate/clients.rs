//! Many clients, few of which make most of the load: each with its own rate, hours, burstiness and request sizes.
//!
//! Method: after ServeGen (Xiang et al., arXiv 2505.09999): client i has a share of 1 / i^skew, gaps whose CV is log-normal around
//!   the wanted one, a diurnal wave with its own peak hour, and token medians of its own.

use std::time::Duration;

use rand_distr::{Distribution, StandardNormal};
use skala_types::{Stream, Streams};

use super::{Diurnal, Generator, Shape, checked};
use crate::limits::{MAX_CV, MAX_RATE};
use crate::{Drawing, GapFamily, LogNormalTokens, TokenPairs, Trace, TraceError};

/// The most clients.
const MOST: u32 = 10_000;

/// A population of clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clients {
    /// How many.
    pub count: u32,
    /// Requests per second of all together.
    pub mean: f64,
    /// How long.
    pub length: Duration,
    /// Exponent of shares: 0 makes all alike; 1 is Zipf's.
    pub skew: f64,
    /// Median of the clients' CV of gaps.
    pub cv: f64,
    /// Family of the gaps.
    pub family: GapFamily,
    /// Whether requests have tokens.
    pub tokens: bool,
    /// Determines who the clients are; what they do is determined by the trace's seed.
    pub seed: u64,
}

/// The load of all clients together.
///
/// # Errors
/// [`TraceError::Setting`] for a value out of bounds.
pub fn clients(of: &Clients) -> Result<Trace, TraceError> {
    if !(1..=MOST).contains(&of.count) {
        return Err(TraceError::setting("clients", format!("{} is not within 1 and {MOST}", of.count)));
    }
    checked("mean", of.mean, MAX_RATE)?;
    checked("skew", of.skew, 10.0)?;
    checked("cv", of.cv, MAX_CV)?;
    let shares: Vec<f64> = (1..=of.count).map(|i| f64::from(i).powf(-of.skew)).collect();
    let sum: f64 = shares.iter().sum();
    let mut stream = Streams::new(of.seed).stream("trace.clients");
    let all = shares.iter().map(|share| client(of, of.mean * share / sum, &mut stream));
    Ok(Trace::merged(all.collect::<Result<_, _>>()?))
}

fn client(of: &Clients, mean: f64, stream: &mut Stream) -> Result<Trace, TraceError> {
    let mut normal = |sigma: f64| -> f64 {
        let z: f64 = StandardNormal.sample(stream);
        sigma * z
    };
    let diurnal = Diurnal {
        daily: (0.5 + normal(0.2)).clamp(0.0, 1.0),
        peak_hour: (14.0 + normal(3.0)).rem_euclid(24.0),
        weekend: normal(0.4).exp().min(1.0),
        ..Diurnal::default()
    };
    let cv = (of.cv * normal(0.4).exp()).min(MAX_CV);
    let (input, output) = (1020.0 * normal(0.7).exp(), 129.0 * normal(0.7).exp());
    let tokens = match of.tokens {
        true => Some(TokenPairs::try_new(
            LogNormalTokens::try_new(input.max(1.0), (input * 2.5).max(1.0))?,
            LogNormalTokens::try_new(output.max(1.0), (output * 3.0).max(1.0))?,
            0.2,
        )?),
        false => None,
    };
    let drawing = Drawing { family: of.family, cv: Some(cv), tokens };
    Generator { shape: Shape::Diurnal(diurnal), length: of.length, mean: Some(mean), drawing }.trace()
}
