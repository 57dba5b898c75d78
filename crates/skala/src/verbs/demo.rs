//! `demo`: an elastic service meets a surge, in this process, with nothing but this binary.
//!
//! Method: `skala up` with a generated platform file whose service is the hidden backend (`/sleep`, eight at a time, half a
//!   second to start), `skala load` with a quiet-surge-quiet rate, and a look at replicas and station ten times a second.
//! Units: the surge begins when the offered rate first exceeds what the present replicas are meant to carry.

mod watch;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use skala_console::views::{Percentiles, SCHEMA_VERSION};
use skala_load::{Arrivals, LoadPlan, LoadReport, Rate, Stop};
use skala_runtime::private;
use skala_spec::{LoadOptions, Platform, Source, load};

use self::watch::{Observed, Watch};
use crate::cli::{DemoArgs, Output};
use crate::engine::{Engine, Options};
use crate::exit::{Exit, FAILED, INTERRUPTED, Outcome, USAGE};
use crate::show;

/// Arrivals per second while it is quiet.
const QUIET: f64 = 40.0;
/// Arrivals per second at the height of the surge.
const SURGE: f64 = 360.0;
/// What one replica is meant to carry, of about 100 that it can.
const PER_REPLICA: f64 = 60.0;
/// Replicas that are always there.
const MIN: u32 = 2;
/// The objective: 95 of 100 answers begin within this time.
const P95_MS: u64 = 250;
/// Shortest run in which something can be seen.
const SHORTEST: Duration = Duration::from_secs(20);

/// `skala demo`
pub fn run(args: &DemoArgs) -> Outcome {
    if args.duration < SHORTEST || args.duration > Duration::from_secs(3600) {
        return Err(Exit::new(USAGE, "the demo needs between 20s and 1h", "leave out --duration, or give 60s"));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("start the runtime")?;
    let folder = Folder::make()?;
    runtime.block_on(show_it(args, &folder))
}

/// A folder that goes away with its owner.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Folder> {
        let path = |n| std::env::temp_dir().join(format!("skala-demo-{}-{n}", std::process::id()));
        // A name that is taken was left by an earlier process of this number, or laid out as a trap.
        let free = (0..100).map(path).find_map(|path| match private::make_new_folder(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => None,
            made => Some(made.with_context(|| format!("make {}", path.display())).map(|()| Folder(path))),
        });
        free.unwrap_or_else(|| {
            Err(anyhow::anyhow!("find a free name for the demo's folder in {}", std::env::temp_dir().display()))
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left-over files in the system's temporary folder do no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn platform(stabilization: u64) -> anyhow::Result<Platform> {
    let own = std::env::current_exe().context("find skala's own program")?;
    let own = serde_json::to_string(&own.display().to_string()).context("quote skala's own path")?;
    let text = format!(
        r#"
platform: demo
gateway: {{listen: "127.0.0.1:0"}}
admin: {{listen: "127.0.0.1:0"}}
services:
  api:
    command: [{own}, backend, --port, $PORT, --concurrency, "8", --start-delay, 500ms]
    readiness: {{httpGet: /health, period: 200ms}}
    concurrency: 8
    drain: 5s
    autoscaling:
      minReplicas: {MIN}
      maxReplicas: 10
      metrics: [{{requestsPerSecond: {PER_REPLICA}}}]
      behavior:
        scaleUp: {{policies: [{{type: Pods, value: 4, periodSeconds: 2}}]}}
        scaleDown: {{stabilizationWindowSeconds: {stabilization}}}
objectives:
  api: {{latency: {{p95: {P95_MS}ms}}}}
"#
    );
    let options = LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("none".into()) };
    let loaded = load(&Source { name: "demo", text: &text }, &options);
    let problems: Vec<_> = loaded.problems.iter().map(ToString::to_string).collect();
    loaded.platform.with_context(|| format!("the demo's own platform file: {}", problems.join("; ")))
}

/// Quiet, a steep ramp, the height, down again, quiet.
fn surge(duration: Duration) -> anyhow::Result<Rate> {
    let part = |share: f64| (duration.as_secs_f64() * share * 1000.0).round() as u64;
    let (quiet, up, high, down, after) = (part(0.25), part(0.10), part(0.25), part(0.05), part(0.35));
    let text = format!("{QUIET}@{quiet}ms,{QUIET}..{SURGE}/{up}ms,{SURGE}@{high}ms,{SURGE}..{QUIET}/{down}ms,{QUIET}@{after}ms");
    text.parse().context("the demo's own rate")
}

async fn show_it(args: &DemoArgs, folder: &Folder) -> Outcome {
    let rate = surge(args.duration)?;
    let stabilization = (args.duration.as_secs_f64() * 0.1).clamp(3.0, 30.0) as u64;
    let options = Options { platform: platform(stabilization)?, folder: folder.0.clone(), state_dir: folder.0.join("state") };
    let tty = std::io::stderr().is_terminal();
    eprintln!("skala demo: one service of {MIN} to 10 replicas; {QUIET}/s, a surge to {SURGE}/s, {QUIET}/s again");
    let engine = Engine::start(options).await?;
    let shared = Arc::clone(&engine.shared);
    while !shared.is_ready() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut plan = LoadPlan::new(format!("http://{}/sleep?ms=80", shared.gateway_addr), Arrivals::Rate(rate.clone()));
    // Load, gateway and replicas share one machine here; what counts is that latency runs from the intended start.
    plan.lag_bound = Some(Duration::from_millis(50));
    let stop = Stop::new();
    let stopped = stop.clone();
    let begin = shared.clock.now();
    let driver = tokio::task::spawn_blocking(move || skala_load::run(&plan, |_| {}, &stopped));
    let mut watch = Watch::new(rate, begin, PER_REPLICA);
    let mut looks = tokio::time::interval(Duration::from_millis(100));
    let mut shown = 0;
    let mut interrupted = false;
    while !driver.is_finished() {
        tokio::select! {
            _ = looks.tick() => {}
            _ = tokio::signal::ctrl_c(), if !interrupted => {
                interrupted = true;
                stop.stop();
            }
        }
        let line = watch.look(&shared);
        let second = shared.clock.now().since(begin).as_secs();
        if second > shown {
            shown = second;
            eprintln!("{line}");
        }
    }
    let report = driver.await.context("drive the load")?.map_err(|e| anyhow::anyhow!(e)).context("drive the load")?;
    let observed = watch.finish();
    engine.stop(std::future::pending()).await;
    if tty {
        let _ = std::io::stderr().flush();
    }
    if interrupted {
        return Err(Exit::silent(INTERRUPTED));
    }
    let summary = summary(&report, &observed, args.duration);
    match args.output {
        Output::Json => show::json(&summary),
        Output::Table => show::say(&summary.text()),
    }
    if summary.failed == 0 { Ok(()) } else { Err(Exit::new(FAILED, "some requests failed", "is the machine very busy?")) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    schema_version: u32,
    duration_seconds: f64,
    requests: u64,
    failed: u64,
    latency_ms: Percentiles,
    replicas: ReplicaRange,
    replica_seconds: f64,
    static_peak_replica_seconds: f64,
    saved_ratio: f64,
    surge_to_first_new_replica_ms: Option<f64>,
    objective: String,
    objective_met: bool,
}

#[derive(Serialize)]
struct ReplicaRange {
    min: u32,
    max: u32,
    changes: u64,
}

fn summary(report: &LoadReport, observed: &Observed, duration: Duration) -> Summary {
    let latency =
        report.latency_ms.as_ref().map_or_else(Percentiles::default, |l| Percentiles { p50: l.p50, p95: l.p95, p99: l.p99 });
    let peak = f64::from(observed.max) * observed.seconds;
    let failed = report.failed.total + report.dropped;
    Summary {
        schema_version: SCHEMA_VERSION,
        duration_seconds: duration.as_secs_f64(),
        requests: report.requests,
        failed,
        latency_ms: latency,
        replicas: ReplicaRange { min: observed.min, max: observed.max, changes: observed.changes },
        replica_seconds: observed.replica_seconds,
        static_peak_replica_seconds: peak,
        saved_ratio: if peak > 0.0 { 1.0 - observed.replica_seconds / peak } else { 0.0 },
        surge_to_first_new_replica_ms: observed.reaction.map(|d| d.as_secs_f64() * 1000.0),
        objective: format!("p95 <= {P95_MS}ms"),
        objective_met: failed == 0 && report.ok > 0 && latency.p95 <= P95_MS as f64,
    }
}

impl Summary {
    fn text(&self) -> String {
        let l = &self.latency_ms;
        let reaction = self.surge_to_first_new_replica_ms.map_or("no replica was added".into(), |ms| {
            format!("{ms:.0} ms from the first moment above target to the first new replica's start")
        });
        let verdict = if self.objective_met { "met" } else { "missed" };
        format!(
            "\nrequests    {} in {:.0} s, {} failed\nlatency     p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms; objective {} {verdict}\n\
             replicas    {} to {}, {} changes\nreaction    {reaction}\n\
             cost        {:.0} replica-seconds; {} replicas all the time would be {:.0}: {:.0} % saved",
            self.requests,
            self.duration_seconds,
            self.failed,
            l.p50,
            l.p95,
            l.p99,
            self.objective,
            self.replicas.min,
            self.replicas.max,
            self.replicas.changes,
            self.replica_seconds,
            self.replicas.max,
            self.static_peak_replica_seconds,
            self.saved_ratio * 100.0,
        )
    }
}
