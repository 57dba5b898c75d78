//! What a language model can answer: on own accelerators, and behind a provider's limits.

pub mod provider;
pub mod roofline;
