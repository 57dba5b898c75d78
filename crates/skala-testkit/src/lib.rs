//! Fake and real backends for tests.

pub mod http;
