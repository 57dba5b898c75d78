//! The decision core from outside: data rows, properties, seeded loads.

mod activation;
mod bad_input;
mod metrics;
mod modes;
mod options;
mod properties;
mod repairs;
mod rows;
mod rules;
mod signals;
mod steady;
mod wait;
mod world;
