//! The skala binary: one file per verb.
fn main() {}
