//! Data rows: one per rule of `autoscaling/v2`, and one on each side of every edge.

mod behavior;
mod combine;
mod compat;
mod explain;
mod legacy;
mod pods;
mod status;
mod upstream;
mod value;
mod world;
mod zero;
