//! How long a server works on one request, in the form in which waits are added to it.
//!
//! Decides: the distribution of service times from a mean and a coefficient of variation, or from measured quantiles.
//! Inputs: seconds; squared coefficient of variation (variance over squared mean).
//! Method: constant at 0, exponential at 1, log-normal in between and above (as the simulator draws them); as quantiles at
//!   fixed probabilities, denser towards the tail, even between two of them.
//! Invariants: never negative; the share above a time never rises with the time.
//! Tested: `tests/it/staffing.rs`.

use crate::number::{at_least_0, share};

/// Probabilities of the quantiles.
const GRID: [f64; N] = [
    0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999,
    0.9998, 0.99999, 1.0,
];

/// Standard normal quantiles at [`GRID`]; the ends stand at 1e-7 and 1 - 1e-7.
const Z: [f64; N] = [
    -5.199338, -2.053749, -1.644854, -1.281552, -0.841621, -0.524401, -0.253347, 0.0, 0.253347, 0.524401, 0.841621, 1.036433,
    1.281552, 1.475791, 1.644854, 1.880794, 2.053749, 2.326348, 2.575829, 2.878162, 3.090232, 3.540084, 4.264891, 5.199338,
];

/// Quantiles kept.
const N: usize = 24;

/// A squared coefficient of variation this near to 1 is exponential.
const NEAR: f64 = 1e-9;

/// Squared coefficients of variation above this read as this: (cv 100), where moments say nothing any more.
const WIDEST: f64 = 1e4;

/// The distribution of service times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    mean: f64,
    scv: f64,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Constant,
    Exponential,
    /// Seconds at [`GRID`], rising.
    Quantiles([f64; N]),
}

impl Service {
    /// From a mean (seconds, >= 0) and a squared coefficient of variation (>= 0; 0 is constant, 1 exponential).
    pub fn new(mean: f64, scv: f64) -> Service {
        let (mean, scv) = (at_least_0(mean).min(f64::MAX), at_least_0(scv).min(WIDEST));
        let shape = match scv {
            _ if scv <= NEAR || mean == 0.0 => Shape::Constant,
            _ if (scv - 1.0).abs() <= NEAR => Shape::Exponential,
            _ => Shape::Quantiles(log_normal(mean, scv)),
        };
        Service { mean, scv, shape }
    }

    /// Memoryless, with a mean in seconds.
    pub fn exponential(mean: f64) -> Service {
        Service::new(mean, 1.0)
    }

    /// From measured quantiles: pairs of probability (0 to 1) and seconds, in rising order of both; straight between two of them,
    /// the first and the last hold beyond. Mean and variation follow from the points.
    ///
    /// `None` when there is none, or they do not rise.
    pub fn from_quantiles(points: &[(f64, f64)]) -> Option<Service> {
        let usable = |&(p, seconds): &(f64, f64)| (0.0..=1.0).contains(&p) && seconds >= 0.0 && seconds.is_finite();
        let rising = points.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 <= w[1].1);
        if points.is_empty() || !rising || !points.iter().all(usable) {
            return None;
        }
        let edges = GRID.map(|p| interpolate(points, p));
        let (mean, scv) = moments(&edges);
        Some(Service { mean, scv, shape: if scv <= NEAR { Shape::Constant } else { Shape::Quantiles(edges) } })
    }

    /// Seconds, >= 0.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Variance over squared mean, >= 0.
    pub fn scv(&self) -> f64 {
        self.scv
    }

    /// Share of requests whose service takes longer than `seconds`.
    pub fn exceeds(&self, seconds: f64) -> f64 {
        let t = at_least_0(seconds);
        match &self.shape {
            Shape::Constant => f64::from(u8::from(self.mean > t)),
            Shape::Exponential => (-t / self.mean).exp(),
            Shape::Quantiles(edges) => above(edges, t),
        }
    }

    /// The time that a share `q` of requests stays within, seconds. The exponential's is infinite at 1.
    pub fn quantile(&self, q: f64) -> f64 {
        let q = share(q);
        match &self.shape {
            Shape::Constant => self.mean,
            Shape::Exponential => -self.mean * (1.0 - q).ln(),
            Shape::Quantiles(edges) => {
                let i = GRID.partition_point(|&p| p <= q).clamp(1, N - 1);
                edges[i - 1] + (edges[i] - edges[i - 1]) * (q - GRID[i - 1]) / (GRID[i] - GRID[i - 1])
            }
        }
    }

    /// Share of requests whose wait and service together take longer than `seconds`, when a share `waits` waits, exponentially
    /// with `decay` per second. The two are independent, as they are first come, first served.
    pub(crate) fn response_exceeds(&self, seconds: f64, waits: f64, decay: f64) -> f64 {
        let t = at_least_0(seconds);
        if waits <= 0.0 || decay == f64::INFINITY || self.mean == f64::INFINITY {
            return self.exceeds(t);
        }
        match &self.shape {
            Shape::Constant if self.mean > t => 1.0,
            Shape::Constant => waits * (-decay * (t - self.mean)).exp(),
            Shape::Exponential => exponential_response(1.0 / self.mean, t, waits, decay),
            Shape::Quantiles(edges) => above(edges, t) + waits * waited(edges, t, decay),
        }
        .clamp(0.0, 1.0)
    }
}

/// `P(S > t) + waits x P(S <= t, W > t - S)` for an exponential service of `rate`.
fn exponential_response(rate: f64, t: f64, waits: f64, decay: f64) -> f64 {
    let served = (-rate * t).exp();
    let apart = rate - decay;
    let late = match (apart * t).abs() < 1e-6 {
        // Both rates agree: the limit of the difference below.
        true => rate * t * served,
        false => rate / apart * ((-decay * t).exp() - served),
    };
    served + waits * late
}

/// Share of requests with a service above `t`.
fn above(edges: &[f64; N], t: f64) -> f64 {
    let i = edges.partition_point(|&edge| edge <= t);
    match i {
        0 => 1.0,
        N => 0.0,
        _ => 1.0 - (GRID[i - 1] + (GRID[i] - GRID[i - 1]) * (t - edges[i - 1]) / (edges[i] - edges[i - 1])),
    }
}

/// `integral over s <= t of exp(-decay (t - s)) dF(s)`, with F straight between edges.
fn waited(edges: &[f64; N], t: f64, decay: f64) -> f64 {
    let at = |seconds: f64| (-decay * (t - seconds)).exp();
    let mut sum = 0.0;
    let (mut low, mut at_low) = (edges[0], at(edges[0].min(t)));
    for i in 1..N {
        if low >= t {
            break;
        }
        let high = edges[i].min(t);
        let at_high = at(high);
        let (width, weight) = (edges[i] - low, GRID[i] - GRID[i - 1]);
        sum += match decay * width > 1e-6 {
            true => weight * (at_high - at_low) / (decay * width),
            false => weight * at_low * if width > 0.0 { (high - low) / width } else { 1.0 },
        };
        (low, at_low) = (edges[i], at_high);
    }
    sum
}

fn log_normal(mean: f64, scv: f64) -> [f64; N] {
    let variance = scv.ln_1p();
    let (sigma, mu) = (variance.sqrt(), mean.ln() - variance / 2.0);
    Z.map(|z| (mu + sigma * z).exp().min(f64::MAX))
}

fn interpolate(points: &[(f64, f64)], p: f64) -> f64 {
    let i = points.partition_point(|point| point.0 <= p);
    if i == 0 || i == points.len() {
        return points[i.min(points.len() - 1)].1;
    }
    let ((p0, s0), (p1, s1)) = (points[i - 1], points[i]);
    s0 + (s1 - s0) * (p - p0) / (p1 - p0)
}

/// Mean and squared coefficient of variation of a distribution that is even between edges.
fn moments(edges: &[f64; N]) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for i in 1..N {
        let (a, b, weight) = (edges[i - 1], edges[i], GRID[i] - GRID[i - 1]);
        first += weight * (a + b) / 2.0;
        second += weight * (a * a + a * b + b * b) / 3.0;
    }
    if first > 0.0 { (first, at_least_0(second / (first * first) - 1.0)) } else { (0.0, 0.0) }
}
