//! The simulator against theory, laws and faults.

mod faults;
mod laws;
mod random;
mod support;
mod theory;
