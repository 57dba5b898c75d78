//! The simulator against theory, laws and faults.

mod extremes;
mod faults;
mod fluid;
mod laws;
mod limits;
mod measure;
mod optimum;
mod parts;
mod platform;
mod random;
mod rivals;
mod stations;
mod support;
mod theory;
mod tune;
