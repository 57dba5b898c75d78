//! The decision core from outside: data rows, properties, seeded loads.

mod bad_input;
mod metrics;
mod modes;
mod properties;
mod rows;
mod rules;
mod steady;
mod world;
