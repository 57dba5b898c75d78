//! Forecasters fed with made traffic: what they say, whom they trust, and what a restart changes.

mod answers;
mod floor;
mod restart;
mod shapes;
mod traffic;
