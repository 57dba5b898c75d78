//! Sizes of prompts and answers, as published statistics of LLM services have them.
//!
//! Decides: the tokens of a drawn request.
//! Method: log-normal by median and 99th percentile (sigma = ln(p99 / p50) / 2.3263); a Gaussian copula couples prompt and answer.
//! Invariants: at least 1 token each (0 where a mean of 0 says that there are none), at most [`MAX_TOKENS`]; the same stream gives the same tokens.
//! Tested: `tests/it/generate.rs`.

use rand_distr::{Distribution, StandardNormal};
use skala_types::Stream;

use crate::TraceError;
use crate::limits::MAX_TOKENS;

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;

/// A log-normal distribution of token counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormalTokens {
    mu: f64,
    sigma: f64,
}

impl LogNormalTokens {
    /// By its median and 99th percentile, tokens.
    ///
    /// # Errors
    /// [`TraceError::Setting`] unless 1 <= p50 <= p99 <= [`MAX_TOKENS`].
    pub fn try_new(p50: f64, p99: f64) -> Result<LogNormalTokens, TraceError> {
        if !(p50 >= 1.0 && p99 >= p50 && p99 <= f64::from(MAX_TOKENS)) {
            let reason = format!("p50 {p50} and p99 {p99} need 1 <= p50 <= p99 <= {MAX_TOKENS}");
            return Err(TraceError::setting("tokens", reason));
        }
        Ok(LogNormalTokens { mu: p50.ln(), sigma: (p99 / p50).ln() / Z99 })
    }

    /// Its mean, tokens.
    pub fn mean(&self) -> f64 {
        (self.mu + self.sigma * self.sigma / 2.0).exp()
    }

    /// By its mean, with the given spread.
    fn of_mean(mean: f64, sigma: f64) -> LogNormalTokens {
        LogNormalTokens { mu: mean.max(0.0).ln() - sigma * sigma / 2.0, sigma }
    }

    fn at(&self, z: f64) -> u32 {
        if self.mu == f64::NEG_INFINITY {
            return 0;
        }
        // The cast saturates.
        ((self.mu + self.sigma * z).exp().round() as u32).clamp(1, MAX_TOKENS)
    }
}

/// Pairs of prompt and answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenPairs {
    input: LogNormalTokens,
    output: LogNormalTokens,
    correlation: f64,
}

impl TokenPairs {
    /// Pairs whose logarithms have this correlation.
    ///
    /// # Errors
    /// [`TraceError::Setting`] when the correlation is not within -1 and 1.
    pub fn try_new(input: LogNormalTokens, output: LogNormalTokens, correlation: f64) -> Result<TokenPairs, TraceError> {
        if !(-1.0..=1.0).contains(&correlation) {
            return Err(TraceError::setting("correlation", format!("{correlation} is not within -1 and 1")));
        }
        Ok(TokenPairs { input, output, correlation })
    }

    /// The same, with another correlation.
    ///
    /// # Errors
    /// As [`TokenPairs::try_new`].
    pub fn correlated(self, correlation: f64) -> Result<TokenPairs, TraceError> {
        TokenPairs::try_new(self.input, self.output, correlation)
    }

    /// Conversations: fitted to the Azure LLM inference trace of 2023 (prompt p50 1020, p99 4142; answer p50 129, p99 601).
    pub fn chat() -> TokenPairs {
        let input = LogNormalTokens::try_new(1020.0, 4142.0).expect("published percentiles are in order");
        let output = LogNormalTokens::try_new(129.0, 601.0).expect("published percentiles are in order");
        TokenPairs { input, output, correlation: 0.0 }
    }

    /// Pairs of these means that spread as conversations do; `None` when both are 0 (nothing known).
    pub(crate) fn around(means: (f64, f64)) -> Option<TokenPairs> {
        let chat = TokenPairs::chat();
        let known = means.0 > 0.0 || means.1 > 0.0;
        known.then(|| TokenPairs {
            input: LogNormalTokens::of_mean(means.0, chat.input.sigma),
            output: LogNormalTokens::of_mean(means.1, chat.output.sigma),
            correlation: 0.0,
        })
    }

    /// The means of prompt and answer, tokens.
    pub fn means(&self) -> (f64, f64) {
        (self.input.mean(), self.output.mean())
    }

    /// A pair.
    pub fn draw(&self, stream: &mut Stream) -> (u32, u32) {
        let a: f64 = StandardNormal.sample(stream);
        let b: f64 = StandardNormal.sample(stream);
        let r = self.correlation;
        (self.input.at(a), self.output.at(r * a + (1.0 - r * r).max(0.0).sqrt() * b))
    }
}
