//! The simulator from outside.

mod fluid;
mod measure;
mod optimum;
mod parts;
mod platform;
