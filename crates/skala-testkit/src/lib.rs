//! Fake and real backends for tests, and the real binary under a test's control.

pub mod http;
pub mod port;
pub mod processes;
pub mod servers;
pub mod skala;
pub mod venv;
pub mod wait;
