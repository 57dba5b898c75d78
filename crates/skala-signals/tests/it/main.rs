//! Sources read from the real servers, and from servers that misbehave.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]

mod fakes;
mod kafka;
mod nats;
mod postgres;
mod prometheus;
mod rabbitmq;
mod redis;
mod signals;
mod web;

use std::time::Duration;

use serde_json::Value;
use skala_signals::{Error, Memory, Reader, Sample, poll_once};
use skala_spec::model::Source;
use tokio::runtime::{Builder, Runtime};

/// How long a server's figures may take to change.
const SOON: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn source(entry: Value) -> Source {
    serde_json::from_value(entry).unwrap()
}

/// Looks once, on connections of its own.
fn look(entry: Value) -> Result<Sample, Error> {
    runtime().block_on(poll_once(&source(entry)))
}

/// The number of one look.
#[track_caller]
fn value(entry: Value) -> f64 {
    look(entry).unwrap().value
}

/// Connections that are kept from look to look.
struct Looks {
    runtime: Runtime,
    reader: Reader,
    memory: Memory,
}

impl Looks {
    fn new() -> Looks {
        Looks { runtime: runtime(), reader: Reader::default(), memory: Memory::default() }
    }

    fn look(&mut self, entry: Value) -> Result<Sample, Error> {
        self.runtime.block_on(self.reader.look(&source(entry), &mut self.memory))
    }
}
