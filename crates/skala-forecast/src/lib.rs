//! Forecasts of an arrival rate, each scored against the seasonal naive one, and switched off when they lose to it.
//!
//! Pure: arrivals come in with their time, forecasts go out; the state is bounded and can be stored.
//!
//! ```
//! use skala_forecast::{Forecaster, newsvendor};
//! use skala_types::Time;
//! use std::time::Duration;
//!
//! let mut forecaster = Forecaster::new();
//! forecaster.observe(Time::from_secs(0), Duration::from_secs(1), 12.0);
//! // One second says nothing about the next five minutes, and the forecaster says that.
//! let silence = forecaster.forecast(Time::from_secs(1), Duration::from_secs(300), [newsvendor(9.0, 1.0)]).unwrap_err();
//! assert!(!silence.to_string().is_empty());
//! ```

mod answer;
mod code;
mod decompose;
mod floor;
mod forecaster;
mod history;
mod newsvendor;
mod outlook;
mod residuals;
mod ring;
mod saved;
mod season;
mod tally;
mod track;
mod trend;

pub use answer::{Fed, Forecast, Model, Reference, Score, Silence, Why};
pub use floor::Floor;
pub use forecaster::Forecaster;
pub use newsvendor::newsvendor;
pub use saved::{RestoreError, Saved};
pub use season::Seasons;
