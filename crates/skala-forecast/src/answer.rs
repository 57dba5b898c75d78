//! What a forecaster says: a forecast and why it is trusted, or why it says nothing.
//!
//! Decides: nothing; the words and numbers that others show.
//! Units: rates in requests per second; losses in requests per second; evidence in minutes of scored forecasts.
//! Tested: `tests` below; `tests/it`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Rps;

/// A way to forecast. The first two are the references: a model must beat the better one, seasonal naive the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Model {
    /// The last minute's rate goes on. A reference: it never speaks, because a reactive policy knows it already.
    LastValue,
    /// The rate one season ago, as it was; the last value where no season was found.
    SeasonalNaive,
    /// The rate a day ago, times the level of the last hour over the level of that hour a day ago.
    Day,
    /// The same at the lag of a week.
    Week,
    /// The same at the lag of a found season shorter than a day.
    Cycle,
    /// The shape of up to seven days, from the level of the last minutes on.
    Profile,
    /// Damped linear trend (Holt).
    Trend,
    /// Seasons and trend decomposed (MSTL), the trend continued by exponential smoothing (ETS).
    MstlEts,
}

impl Model {
    /// Every model, the references first.
    pub const ALL: [Model; 8] = [
        Model::LastValue,
        Model::SeasonalNaive,
        Model::Day,
        Model::Week,
        Model::Cycle,
        Model::Profile,
        Model::Trend,
        Model::MstlEts,
    ];

    /// Place of the model in [`Model::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Model::LastValue => "last value",
            Model::SeasonalNaive => "seasonal naive",
            Model::Day => "a day ago at today's level",
            Model::Week => "a week ago at this week's level",
            Model::Cycle => "the last cycle at its level now",
            Model::Profile => "shape of the last days at the level now",
            Model::Trend => "damped trend",
            Model::MstlEts => "MSTL with ETS",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of arrivals that were handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// They count.
    Taken,
    /// All of the interval was known already; nothing changed.
    Known,
    /// The count or the interval is no such thing (negative, not a number, empty, longer than a day); nothing changed.
    Refused,
    /// The clock has been behind the history for so long that the history was dropped, and begins here.
    Restarted,
}

/// The expected arrival rate, as the quantiles that were asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast<const N: usize> {
    /// Rate at the end of the horizon, per quantile asked.
    pub at_end: [Rps; N],
    /// Highest rate from now to the end of the horizon, per quantile asked: the highest of the minutes' quantiles.
    pub peak: [Rps; N],
    /// The model that speaks.
    pub model: Model,
    /// Why it is the one that speaks.
    pub why: Why,
}

/// The reference that a model is measured against: the better one of the two over the same minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reference {
    /// The last minute's rate.
    LastValue,
    /// The rate one season ago.
    SeasonalNaive,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reference::LastValue => "last value",
            Reference::SeasonalNaive => "seasonal naive",
        })
    }
}

/// Why a model speaks, is off, or is still on trial at a horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Why {
    /// It has no forecast at this moment: not enough history, or a hole where it looks.
    NoData,
    /// Too few of its forecasts have fallen due.
    OnTrial {
        /// Minutes scored, older ones counting less.
        minutes: f64,
        /// Minutes wanted before it may speak.
        wanted: f64,
    },
    /// It beats the better reference and is in force.
    Wins {
        /// Its pinball loss over the reference's; below 1.
        ratio: f64,
        /// The reference that it beats.
        over: Reference,
    },
    /// It loses, or has not won for long enough to be let in again.
    Loses {
        /// Its pinball loss over the reference's.
        ratio: f64,
        /// The reference that it loses to.
        to: Reference,
    },
    /// It says nothing that a reactive policy does not know: last value, and seasonal naive where no season was found.
    IsReference,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::NoData => f.write_str("no forecast: too little history, or a hole in it"),
            Why::OnTrial { minutes, wanted } => write!(f, "on trial: {minutes:.0} of {wanted:.0} minutes scored"),
            Why::Wins { ratio, over } => write!(f, "in force: pinball loss {ratio:.2} of that of {over}"),
            Why::Loses { ratio, to } => write!(f, "off: pinball loss {ratio:.2} of that of {to}"),
            Why::IsReference => f.write_str("a reference to measure the others against"),
        }
    }
}

/// Why there is no forecast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Silence {
    /// Nothing has been seen yet, or for less than a minute.
    #[error("no arrivals were seen for a whole minute yet")]
    NoHistory,
    /// The last minute seen is too long ago.
    #[error("the last minute seen is {} s old", age.as_secs())]
    Stale {
        /// Since the end of the last minute seen.
        age: Duration,
    },
    /// The horizon is longer than forecasts are made for.
    #[error("the horizon of {} s is longer than {} s", asked.as_secs(), most.as_secs())]
    HorizonTooLong {
        /// The horizon asked for.
        asked: Duration,
        /// The longest one.
        most: Duration,
    },
    /// A quantile is not between 0 and 1.
    #[error("a quantile must lie between 0 and 1")]
    BadQuantile,
    /// No model has been scored for long enough.
    #[error("every model is still on trial")]
    OnTrial,
    /// No model beats the better one of last value and seasonal naive.
    #[error("no model beats last value and seasonal naive at this horizon")]
    NoneWins,
}

/// How one model has done at one horizon, for display.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// The model.
    pub model: Model,
    /// Horizon of the forecasts scored, in minutes.
    pub horizon_minutes: u32,
    /// Forecasts scored, in minutes, older ones counting less.
    pub minutes: f64,
    /// Mean pinball loss over the quantiles 0.5, 0.9 and 0.95, in requests per second.
    pub loss: f64,
    /// The same of last value over the same minutes.
    pub loss_last_value: f64,
    /// The same of seasonal naive over the same minutes.
    pub loss_seasonal_naive: f64,
    /// Share of rates that were at most the forecast's 0.5, 0.9 and 0.95 quantile.
    pub coverage: [f64; 3],
    /// Whether it may speak, and why.
    pub why: Why,
    /// Whether it is the one that speaks.
    pub speaks: bool,
}
