//! The small backend that `skala demo` and the examples run as their replicas.
//!
//! Decides: nothing; it is a stand-in for a user's service, with a finite capacity that load can exhaust.
//! Inputs: its flags; requests to `/`, `/health`, `/cpu`, `/sleep`, `/stream`, `/echo`, `/ws`, `/status/{code}`, `/bytes/{n}`.
//! Method: one event loop; CPU work runs on a fixed number of threads, first come first served; sleepers share a fixed number of places.
//! Invariants: memory is bounded whatever is asked; SIGTERM lets requests finish, for at most [`DRAIN`], and ends with exit code 0.
//! Tested: `backend/tests.rs`.

mod chance;
mod cpu;
mod routes;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use axum::serve::ListenerExt;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long requests in flight may take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);

/// A small backend to try things on.
#[derive(Args, Clone, Debug)]
pub(crate) struct BackendArgs {
    /// Port to listen on.
    #[arg(long, env = "PORT", default_value_t = 8000)]
    pub(crate) port: u16,
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) bind: IpAddr,
    /// Wait this long before listening, as a service does that loads a model.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = skala_load::parse_duration)]
    pub(crate) start_delay: Duration,
    /// Coefficient of variation of the start delay; log-normal.
    #[arg(long, value_name = "CV", default_value_t = 0.0, value_parser = chance::parse_cv)]
    pub(crate) start_cv: f64,
    /// Seed of what is drawn; replicas differ by their names.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Threads for /cpu, 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: u16,
    /// Requests that /sleep works on at a time; the rest wait their turn. No bound by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) concurrency: Option<u32>,
    /// Name of this replica, given back in the header x-replica.
    #[arg(long, env = "SKALA_REPLICA", default_value = "")]
    pub(crate) replica: String,
}

/// Runs the backend until SIGTERM or SIGINT.
///
/// # Errors
/// When the port is taken or a thread cannot be started.
pub(crate) async fn run(args: BackendArgs) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(stop);
    let start_delay = chance::Chance::new(args.seed, &args.replica, "start").draw(args.start_delay, args.start_cv);
    tokio::select! {
        () = tokio::time::sleep(start_delay) => {}
        () = &mut stop => return Ok(()),
    }
    let address = SocketAddr::new(args.bind, args.port);
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    serve(listener, &args, stop, DRAIN).await
}

/// Serves until `stop`, then lets requests finish for at most `drain`.
async fn serve(listener: TcpListener, args: &BackendArgs, stop: impl Future<Output = ()>, drain: Duration) -> anyhow::Result<()> {
    let app = routes::router(args).context("start the CPU threads")?;
    let (stopped, stopping) = tokio::sync::oneshot::channel::<()>();
    let listener = listener.tap_io(|stream| {
        // Without it small chunks wait for acknowledgements; failing to set it is no reason to refuse a client.
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        // An error means that the other end is gone, which is a reason to stop as well.
        let _ = stopping.await;
    });
    let deadline = async {
        stop.await;
        let _ = stopped.send(());
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = serving => served.context("serve requests"),
        () = deadline => Ok(()),
    }
}
