//! The gateway alone in front of fixed upstreams, for measuring: `proxy LISTEN THREADS UPSTREAM...`.
//!
//! Prints its counters on SIGINT or SIGTERM and ends.

#![expect(clippy::print_stderr, reason = "an example speaks to whoever runs it")]

use std::process::ExitCode;
use std::time::Duration;

use skala_balance::Settings;
use skala_gateway::{Gateway, GatewayConfig, RouteSpec, RouteTable};
use skala_runtime::{Clock, Station};
use skala_types::ReplicaId;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("failed to {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "start: usage is proxy LISTEN THREADS UPSTREAM...";
    let mut config = GatewayConfig::new(args.next().ok_or(usage)?.parse()?);
    config.threads = args.next().ok_or(usage)?.parse()?;
    let settings = Settings { concurrency: Some(4096), max_waiting: 4096, ..Settings::default() };
    let station = Station::new("upstream".into(), settings, Clock::system(), 1);
    for (i, upstream) in args.enumerate() {
        station.add_endpoint(ReplicaId(i as u64), upstream.parse()?, 1.0, true);
    }
    let mut route = RouteSpec::new("/", station);
    // The reference proxy keeps its upstream connections for a minute, so this one does too.
    route.upstream_keep_alive = Duration::from_secs(60);
    let gateway = Gateway::bind(config, RouteTable::try_new(vec![route])?)?;
    eprintln!("listening on {}", gateway.local_addr());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        let counters = gateway.counters();
        gateway.shutdown(Duration::from_secs(1)).await;
        eprintln!("{:#?}", counters.read());
        Ok(())
    })
}
