//! Drawings of runs: demand against capacity, latency against the objective, decisions.
//!
//! Decides: nothing; what is drawn where is in `chart`.
//! Method: own SVG; PNG from the same text with `resvg` and a font that the binary carries, so that it looks the same everywhere.
//! Tested: `tests/e2e` rows `simulate`; axes in their module.

mod axis;
mod chart;
mod png;
mod svg;

use std::path::Path;

use super::report::Report;

pub use png::png;

/// The forms of a drawing, by the end of the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Scalable, as text.
    Svg,
    /// Pixels.
    Png,
}

impl Form {
    /// What a file's name asks for.
    pub fn of(path: &Path) -> Option<Form> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "svg" => Some(Form::Svg),
            "png" => Some(Form::Png),
            _ => None,
        }
    }
}

/// The drawing of a report: a block per trace and service, each with a colour per policy.
pub fn svg(report: &Report) -> String {
    chart::draw(report)
}
