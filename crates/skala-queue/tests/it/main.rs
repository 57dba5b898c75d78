//! The core's rules, and random histories against a small reference model.

mod bench;
mod flows;
mod histories;
mod keys;
mod leases;
mod limits;
mod model;
mod money;
mod retries;
mod time;
