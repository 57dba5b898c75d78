//! Little's law: what is in a station, how fast it goes through, and how long it stays.
//!
//! Decides: the third of the three, and whether three measured numbers can belong together.
//! Inputs: requests in the station, requests per second, seconds in the station.
//! Method: `L = lambda W` (J. D. C. Little, 1961), for any stable system.
//! Tested: `tests/it/rules.rs`.

use crate::number::at_least_0;

/// Deviation from which measurements do not belong together: 5 %, as window edges explain less.
pub const MAX_LITTLE_ERROR: f64 = 0.05;

/// Requests in the station, from requests per second and seconds in it.
pub fn in_system(rate: f64, seconds: f64) -> f64 {
    let (rate, seconds) = (at_least_0(rate), at_least_0(seconds));
    if rate == 0.0 || seconds == 0.0 { 0.0 } else { rate * seconds }
}

/// Seconds in the station, from requests in it and requests per second; `None` when nothing goes through though something is in it.
pub fn time_in_system(in_system: f64, rate: f64) -> Option<f64> {
    let seconds = at_least_0(in_system) / at_least_0(rate);
    if at_least_0(in_system) == 0.0 { Some(0.0) } else { seconds.is_finite().then_some(seconds) }
}

/// How far three measured numbers are from the law: `|L - lambda W| / L`, 0 when all is 0.
pub fn little_error(in_system: f64, rate: f64, seconds: f64) -> f64 {
    let (l, by_law) = (at_least_0(in_system), self::in_system(rate, seconds));
    match (l - by_law).abs() {
        0.0 => 0.0,
        apart => apart / l,
    }
}
