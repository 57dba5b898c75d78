//! The admin API: what skala shows and takes orders by, on loopback unless a token protects it.

mod api;
mod guard;
pub mod metrics;
mod server;
pub mod views;

pub use api::{ApiError, Control, openapi};
pub use guard::Token;
pub use server::{AdminError, AdminServer};
