//! Against the real Celery, of two releases, and the real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod app;
mod beat;
mod bridge;
mod depth;
mod leases;
mod messages;
mod remote;
