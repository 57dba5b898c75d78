//! Open-loop load generator and trace replay.
mod arrivals;
mod rate;
mod schedule;
mod threshold;
mod trace;
mod units;
