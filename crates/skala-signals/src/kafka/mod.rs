//! Kafka: how far a consumer group is behind.
//!
//! Decides: nothing of scaling, but what a partition without a usable commit counts (`lag`) and how much of the lag more
//!   replicas could work on (`cap`).
//! Method: asks the cluster for the topics' partitions, the group's commits (at its coordinator) and the ends of the partitions (at
//!   their leaders), in versions of Kafka's protocol that brokers from 0.11 on have in common.
//! Tested: `tests` in the modules (the codec against the `kafka-protocol` crate); `tests/it/kafka.rs` (librdkafka's mock cluster).

mod cap;
mod cluster;
mod connection;
mod lag;
mod wire;

pub use cap::{Cap, value};
pub use lag::Lag;

pub(crate) use cluster::{Cluster, Server};
pub(crate) use lag::{Previous, lag};
