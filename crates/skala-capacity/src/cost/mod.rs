//! What capacity costs: per hour and per month, on demand, on spot and reserved, idle and from zero.

pub mod allocation;
pub mod reserved;
pub mod spot;
pub mod units;
pub mod zero;

pub use allocation::{Allocation, allocate, cost_per_unit};
pub use reserved::{Reserved, reserve};
pub use spot::{Blend, SpotMarket, spot_blend};
pub use units::{HOURS_PER_MONTH, PerHour, PerMonth};
pub use zero::{FromZero, zero_pays};
