//! How much room to keep, what scaling out gains, and how well supply followed demand.

pub mod budget;
pub mod elasticity;
pub mod headroom;
pub mod usl;
pub mod usl_fit;
