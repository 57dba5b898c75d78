//! Percentiles as numbers.

use skala_autoscaler::Quantile;

/// The share of requests that a percentile speaks of.
pub(crate) fn share(quantile: Quantile) -> f64 {
    match quantile {
        Quantile::P50 => 0.50,
        Quantile::P90 => 0.90,
        Quantile::P95 => 0.95,
        Quantile::P99 => 0.99,
    }
}
