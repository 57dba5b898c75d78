//! How well supply followed demand.
//!
//! Decides: SPEC's elasticity figures of a run.
//! Inputs: demand and supply per step of the same length, in servers.
//! Method: SPEC Research Group (Herbst et al., 2013): mean lack and mean excess over demand, share of time in each, and how often
//!   supply moves against demand's direction.
//! Tested: `tests/it/rules.rs`.

use serde::Serialize;

use crate::number::at_least_0;

/// Figures of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Elasticity {
    /// Mean lack of servers over those needed.
    pub under_accuracy: f64,
    /// Mean excess of servers over those needed, over steps in which any was.
    pub over_accuracy: f64,
    /// Share of time with too few.
    pub under_share: f64,
    /// Share of time with too many.
    pub over_share: f64,
    /// Share of steps in which supply and demand moved in opposite directions.
    pub instability: f64,
}

/// Rates pairs of `(demand, supply)`. All is 0 without steps.
pub fn elasticity(steps: impl IntoIterator<Item = (f64, f64)>) -> Elasticity {
    let mut sum = Elasticity::default();
    let (mut count, mut needed, mut moves) = (0.0, 0.0, 0.0);
    let mut before: Option<(f64, f64)> = None;
    for (demand, supply) in steps {
        let (demand, supply) = (at_least_0(demand), at_least_0(supply));
        count += 1.0;
        sum.under_share += f64::from(u8::from(supply < demand));
        sum.over_share += f64::from(u8::from(supply > demand));
        if demand > 0.0 {
            needed += 1.0;
            sum.under_accuracy += at_least_0(demand - supply) / demand;
            sum.over_accuracy += at_least_0(supply - demand) / demand;
        }
        if let Some((d, s)) = before {
            moves += 1.0;
            sum.instability += f64::from(u8::from((demand - d) * (supply - s) < 0.0));
        }
        before = Some((demand, supply));
    }
    let mean = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
    Elasticity {
        under_accuracy: mean(sum.under_accuracy, needed),
        over_accuracy: mean(sum.over_accuracy, needed),
        under_share: mean(sum.under_share, count),
        over_share: mean(sum.over_share, count),
        instability: mean(sum.instability, moves),
    }
}
