//! Fake and real backends for tests.
