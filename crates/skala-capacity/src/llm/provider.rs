//! A provider's limits and prices.
//!
//! Decides: how many requests per second a provider lets in, which limit binds, and what an hour costs.
//! Inputs: requests and tokens per minute, concurrent requests; mean tokens reserved per request; mean latency; prices per token.
//! Method: the smallest of RPM/60, TPM/60 / reserved tokens, and concurrency / latency (Little's law).
//! Tested: `tests/it/llm.rs`.

use serde::Serialize;

use crate::cost::units::PerHour;
use crate::number::{at_least_0, share};

/// Limits of a provider or of one of its keys; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Requests per minute.
    pub requests_per_minute: Option<f64>,
    /// Tokens per minute, prompt and answer together.
    pub tokens_per_minute: Option<f64>,
    /// Requests at once.
    pub concurrency: Option<f64>,
}

/// Which limit binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Binding {
    /// Requests per minute.
    Requests,
    /// Tokens per minute.
    Tokens,
    /// Requests at once.
    Concurrency,
}

impl Limits {
    /// Requests per second that are let in, and the limit that binds; `None` without any limit. `reserved` is tokens per request
    /// (prompt plus the answer's bound), `latency` seconds per request, both in the mean.
    pub fn admissible(&self, reserved: f64, latency: f64) -> Option<(f64, Binding)> {
        let per = |amount: f64, each: f64| if each > 0.0 { at_least_0(amount) / each } else { f64::INFINITY };
        [
            self.requests_per_minute.map(|r| (at_least_0(r) / 60.0, Binding::Requests)),
            self.tokens_per_minute.map(|t| (per(t / 60.0, reserved), Binding::Tokens)),
            self.concurrency.map(|c| (per(c, latency), Binding::Concurrency)),
        ]
        .into_iter()
        .flatten()
        .filter(|(rate, _)| rate.is_finite())
        .min_by(|a, b| a.0.total_cmp(&b.0))
    }
}

/// Prices per token, in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenPrices {
    /// A prompt token.
    pub input: f64,
    /// A prompt token that the provider had in its cache.
    pub cached: f64,
    /// An answer token.
    pub output: f64,
}

/// Spend at `rate` requests per second with so many prompt and answer tokens in the mean, `cached` (0 to 1) of the prompt's from
/// the provider's cache.
pub fn spend(rate: f64, input: f64, cached: f64, output: f64, prices: &TokenPrices) -> PerHour {
    let (input, hit) = (at_least_0(input), share(cached));
    let each = input * (1.0 - hit) * at_least_0(prices.input)
        + input * hit * at_least_0(prices.cached)
        + at_least_0(output) * at_least_0(prices.output);
    PerHour(at_least_0(rate) * 3600.0 * each)
}
