//! Celery on Redis, unmodified: its queues' true depth, leases that are kept and given back, remote control, messages, results.
//!
//! Start at [`Broker`]: an address and a [`Layout`]. [`Watcher`] looks at queues and workers and keeps leases; [`Remote`] speaks to
//! workers; [`Producer`], [`Consumer`] and [`Results`] speak to the Celery application; [`Bridge`] runs tasks outside Python;
//! [`beat`] reads a schedule. `message`, `depth`, `roster` and `pool` are pure.

pub mod beat;
mod bridge;
mod broker;
mod consumer;
pub mod depth;
mod error;
mod keys;
mod lease;
pub mod message;
pub mod pool;
mod producer;
mod remote;
mod results;
pub mod roster;
mod watch;

pub use bridge::{Bridge, BridgeCounts, BridgeSettings, Outcome, Work};
pub use broker::{Broker, BrokerSettings};
pub use consumer::{Consumer, Delivery, Taken};
pub use depth::CeleryQueueStats;
pub use error::Error;
pub use keys::Layout;
pub use producer::{NewMessage, Producer};
pub use remote::{Remote, Replies};
pub use results::{Failure, Meta, Results, State};
pub use watch::{HeartbeatSettings, LeaseCounts, View, WatchSettings, Watcher, WorkerView};
