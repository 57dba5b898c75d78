//! The HTTP API: tasks in, tasks out, and questions.
//!
//! Decides: nothing about tasks. It reads documents, asks [`crate::Tasks`], and says what was wrong in a way that tells what to do.
//! Method: hyper's HTTP/1.1 with a table of routes; bodies stay the JSON text that the producer sent.
//! Tested: `tests/it/api`, over sockets; `routes::tests` holds the OpenAPI document against the table.

mod answer;
mod calls;
mod guard;
mod problem;
mod quantity;
mod read;
mod receive;
mod routes;
mod secrets;
mod server;
mod write;

pub(crate) use server::{Listener, Server};
