//! The core's rules, and random histories against a small reference model.

mod bench;
mod leases;
