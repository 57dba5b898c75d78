//! Against the real Celery, of two releases, and the real Redis.

mod app;
mod beat;
mod bridge;
mod depth;
mod leases;
mod messages;
mod remote;
