//! How long something takes: distributions of durations, by mean and coefficient of variation.

use serde::{Deserialize, Serialize};

/// A distribution of durations. All times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Dist {
    /// Always the same.
    Constant {
        /// Seconds, >= 0.
        seconds: f64,
    },
    /// Memoryless.
    Exponential {
        /// Mean, seconds, > 0.
        mean: f64,
    },
    /// Log-normal: a body with a tail, as service times and start-ups usually have.
    LogNormal {
        /// Mean, seconds, > 0.
        mean: f64,
        /// Standard deviation over mean, > 0.
        cv: f64,
    },
    /// By the tokens of a request: a start, each prompt token (prefill) and each answer token (decode), times a log-normal factor of mean 1.
    Tokens {
        /// Seconds of every request.
        base: f64,
        /// Seconds per token of the prompt.
        per_input: f64,
        /// Seconds per token of the answer.
        per_output: f64,
        /// Coefficient of variation of the factor, >= 0.
        cv: f64,
    },
}

impl Dist {
    /// Its mean for a request without tokens.
    pub(crate) fn mean(&self) -> std::time::Duration {
        let seconds = match *self {
            Dist::Constant { seconds } => seconds,
            Dist::Exponential { mean } | Dist::LogNormal { mean, .. } => mean,
            Dist::Tokens { base, .. } => base,
        };
        std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}
