//! The decision core from outside: data rows, properties, seeded loads.

mod bad_input;
mod properties;
mod rows;
mod steady;
mod world;
