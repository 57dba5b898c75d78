//! The parts of `autoscaling:` beside metrics and behavior.

mod fallback;
mod formula;
mod knative;
mod mode;
mod repairs;
mod vertical;
mod window;

pub use fallback::{Fallback, FallbackBehavior};
pub use formula::Formula;
pub use knative::{Knative, KnativeMetric, KnativeRepairs};
pub use mode::Mode;
pub use repairs::Repairs;
pub use vertical::{Vertical, VerticalMode, VerticalResource};
pub use window::TimeWindow;
