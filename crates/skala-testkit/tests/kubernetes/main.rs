//! The test cluster, as clients of Kubernetes see it.

mod client;
mod kubectl;
mod raw;
mod server;
mod workloads;
