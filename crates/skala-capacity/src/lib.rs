//! Queueing formulas, staffing, growth and cost: what a load needs, which station saturates first, and what it costs.
//!
//! Pure: every function takes plain numbers with stated units and returns plain numbers or says why there is none. Every function is
//! total: NaN and negatives read as 0, and nothing panics, hangs or answers NaN.
//!
//! ```
//! use skala_capacity::{Demand, Goal, Service, staff};
//!
//! // 40 requests per second that take 80 ms each, more or less; replicas work on 4 at a time; p95 of 200 ms.
//! let demand = Demand::new(40.0, Service::new(0.08, 1.44));
//! let replicas = staff(&demand, &Goal::response(0.95, 0.25), 4)?;
//! assert_eq!(replicas, 2);
//! # Ok::<(), skala_capacity::Unreachable>(())
//! ```

mod number;

pub mod cost;
pub mod fair;
pub mod llm;
pub mod plan;
pub mod postgres;
pub mod queue;
pub mod scaling;

pub use fair::max_min_fair;
pub use number::round_up;
pub use queue::abandon::{Abandoned, Patience, abandoned};
pub use queue::bounded::{Bounded, bounded};
pub use queue::demand::{Demand, Queue};
pub use queue::drain::{Drain, drain_time, drain_workers};
pub use queue::erlang::{erlang_b, erlang_c};
pub use queue::little::{in_system, little_error, time_in_system};
pub use queue::retry::{RetryState, retry_amplification, retry_state};
pub use queue::sakasegawa::sakasegawa_wait;
pub use queue::service::Service;
pub use queue::staffing::{Goal, Measure, Unreachable, staff};
pub use queue::unstable::Unstable;
pub use scaling::budget::{BurnAlert, Counted, Evidence, Urgency, burn, burn_alerts, burn_factor, exhausted_in};
pub use scaling::elasticity::{Elasticity, elasticity};
pub use scaling::headroom::{max_utilisation, newsvendor_quantile};
pub use scaling::usl::Usl;
pub use scaling::usl_fit::{Fit, NotIdentifiable, fit_usl};
