//! The command line: verbs, flags and their help.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Makes an AI backend elastic: runs, balances and scales the services of one platform file.
#[derive(Parser)]
#[command(name = "skala", version, max_term_width = 120, infer_subcommands = false)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Run the platform: its services, their gateway and their scaling (Ctrl-C ends it in order)
    Up(UpArgs),
    /// End a running platform in order
    Down(DownArgs),
    /// Show services, sizes, load and problems
    Status(ShowArgs),
    /// List replicas and what they use
    Ps(ShowArgs),
    /// Show what replicas printed
    Logs(LogsArgs),
    /// Set a service's size by hand
    Scale(ScaleArgs),
    /// Keep a service's present size
    Pause(PauseArgs),
    /// End a pause or a size by hand
    Resume(ServiceArgs),
    /// Show what happened
    Events(EventsArgs),
    /// Explain a service's size: inputs, proposals, clamps, and what would change it; or what a task waits for
    Why(WhyArgs),
    /// Show what CPU and memory replicas should ask for, learned from what they used
    Recommend(RecommendArgs),
    /// Put tasks into queues, show and direct them
    Tasks(crate::verbs::tasks::TasksArgs),
    /// Show and direct schedules
    Schedules(crate::verbs::schedules::SchedulesArgs),
    /// Take recorded decisions again and report any difference
    Replay(ReplayArgs),
    /// Evaluate one reconcile of a HorizontalPodAutoscaler per document
    Decide(DecideArgs),
    /// Turn HPA, KEDA, VPA and Knative manifests into a platform file or Autoscaler objects
    Import(ImportArgs),
    /// Check a platform file (exit 3 when something is wrong)
    Check(CheckArgs),
    /// Print the JSON schema of the platform file
    Schema,
    /// Explain a field of the platform file
    Explain(ExplainArgs),
    /// Run the controller on Kubernetes: scales what Autoscaler objects name
    Controller(Box<ControllerArgs>),
    /// Print manifests for others to apply
    Export(ExportArgs),
    /// Drive open-loop load at a URL
    Load(Box<LoadArgs>),
    /// Plan capacity and cost: growth, needs, bounds, scenarios, stages
    Plan(crate::verbs::plan::PlanArgs),
    /// Try policies on recorded or generated arrivals, in virtual time
    Simulate(Box<crate::verbs::simulate::SimulateArgs>),
    /// Search better settings for a policy on recorded or generated arrivals
    Tune(Box<crate::verbs::tune::TuneArgs>),
    /// Make, inspect and convert traces of arrivals
    Trace(crate::verbs::trace::TraceArgs),
    /// Watch an elastic service meet a surge: needs nothing but this binary
    Demo(DemoArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A small backend for demos and tests
    #[command(hide = true)]
    Backend(crate::backend::BackendArgs),
    /// Ends the replicas of a skala that was killed
    #[command(name = "__guardian", hide = true)]
    Guardian,
}

/// Where the platform file and its state are.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Platform file
    #[arg(long, value_name = "FILE", default_value = "skala.yaml", env = "SKALA_FILE")]
    pub file: PathBuf,
    /// State folder [default: .skala beside the platform file]
    #[arg(long, value_name = "DIR", env = "SKALA_STATE")]
    pub state: Option<PathBuf>,
}

impl Place {
    /// The state folder.
    pub fn state_dir(&self) -> PathBuf {
        let beside = || self.file.parent().unwrap_or(Path::new("")).join(".skala");
        self.state.clone().unwrap_or_else(beside)
    }

    /// The folder of the platform file.
    pub fn folder(&self) -> PathBuf {
        match self.file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }
}

/// How results are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs; stable fields with a schemaVersion
    Json,
}

#[derive(Args, Clone)]
pub struct UpArgs {
    #[command(flatten)]
    pub place: Place,
    /// Platform file, as with --file
    #[arg(value_name = "FILE", conflicts_with = "file")]
    pub platform_file: Option<PathBuf>,
    /// Environment whose overlay applies
    #[arg(short, long, value_name = "NAME", env = "SKALA_ENV")]
    pub env: Option<String>,
    /// Run in the background; returns once every service is at its smallest size
    #[arg(short, long)]
    pub detach: bool,
    /// Leave the terminal's session: what --detach starts
    #[arg(long, hide = true)]
    pub own_session: bool,
    /// How long --detach waits for readiness
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub wait: Duration,
}

impl UpArgs {
    /// With the platform file where the rest looks for it.
    pub fn resolved(mut self) -> UpArgs {
        if let Some(file) = self.platform_file.take() {
            self.place.file = file;
        }
        self
    }
}

#[derive(Args)]
pub struct DownArgs {
    #[command(flatten)]
    pub place: Place,
    /// How long to wait for the end
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub wait: Duration,
}

#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub place: Place,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct LogsArgs {
    #[command(flatten)]
    pub place: Place,
    /// Only these services; all when absent
    pub services: Vec<String>,
    /// Go on as lines come (Ctrl-C ends)
    #[arg(short, long)]
    pub follow: bool,
    /// Show the last N lines first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub tail: usize,
}

#[derive(Args)]
pub struct ScaleArgs {
    #[command(flatten)]
    pub place: Place,
    /// Service and size, such as api=5
    #[arg(value_name = "SERVICE=N", value_parser = service_and_size)]
    pub order: (String, u32),
    /// For how long; until `resume` when absent
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lasting: Option<Duration>,
}

#[derive(Args)]
pub struct PauseArgs {
    #[command(flatten)]
    pub place: Place,
    /// Service
    pub service: String,
    /// For how long; until `resume` when absent
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub lasting: Option<Duration>,
}

#[derive(Args)]
pub struct ServiceArgs {
    #[command(flatten)]
    pub place: Place,
    /// Service
    pub service: String,
}

#[derive(Args)]
pub struct EventsArgs {
    #[command(flatten)]
    pub place: Place,
    /// Only this service's
    pub service: Option<String>,
    /// Only from this time on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub since: Option<skala_types::Time>,
    /// At most N, the latest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct WhyArgs {
    #[command(flatten)]
    pub place: Place,
    /// Service, or a task's id
    #[arg(value_name = "SERVICE|TASK")]
    pub service: String,
    /// The decision in force at this time (RFC 3339); the latest when absent
    #[arg(long, value_name = "TIME")]
    pub at: Option<skala_types::Time>,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
#[command(after_help = "\
LOWER and UPPER bound what is left alone; UNCAPPED is the target without minAllowed and maxAllowed.
CONFIDENCE is the history in days, with a CPU sample per minute and replica: the bounds close in as it grows.
`vertical: {mode: apply}` in the platform file sets the target on running replicas, in place, where skala may write
control groups (as root, or in a group of its own).")]
pub struct RecommendArgs {
    #[command(flatten)]
    pub place: Place,
    /// Only this service
    pub service: Option<String>,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    pub place: Place,
    /// Only this service's decisions
    pub service: Option<String>,
    /// Only from this time on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub since: Option<skala_types::Time>,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct DecideArgs {
    /// Documents: JSON, JSON lines or YAML; - reads stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
    /// The moment of documents without `now` (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub now: Option<skala_types::Time>,
    /// Print the report for people instead of JSON lines
    #[arg(long, conflicts_with = "output")]
    pub explain: bool,
    /// Output form: JSON lines
    #[arg(short, long, value_name = "FORM", value_parser = ["json"], default_value = "json")]
    pub output: String,
}

#[derive(Args)]
pub struct ImportArgs {
    /// Manifests: YAML or JSON, several objects each; - reads stdin; or `celery-beat package.module:app` for the schedules of a Celery
    /// application
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The Python that has the Celery application, for celery-beat
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub python: PathBuf,
    /// What is written
    #[arg(long, value_enum, default_value_t)]
    pub to: ImportTo,
    /// Write here instead of stdout
    #[arg(long, value_name = "FILE", value_parser = file_not_form)]
    pub output: Option<PathBuf>,
    /// Overwrite the file of --output
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Exit 3 when something could not be carried over
    #[arg(long)]
    pub strict: bool,
    /// Output form
    #[arg(short = 'o', value_name = "FORM", value_enum, default_value_t)]
    pub form: Output,
}

/// What `import` writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ImportTo {
    /// A platform file
    #[default]
    Platform,
    /// Custom resources for skala's controller on Kubernetes
    Autoscaler,
}

#[derive(Args)]
pub struct CheckArgs {
    /// Platform file
    #[arg(value_name = "FILE", default_value = "skala.yaml")]
    pub file: PathBuf,
    /// Environment whose overlay applies
    #[arg(short, long, value_name = "NAME", env = "SKALA_ENV")]
    pub env: Option<String>,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Args)]
pub struct ExplainArgs {
    /// Field, such as services.autoscaling.minReplicas; the sections when absent
    #[arg(default_value = "")]
    pub field: String,
}

#[derive(Args)]
pub struct ControllerArgs {
    /// Kubeconfig; in a cluster the service account is used [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Look only at this namespace; repeatable; all when absent
    #[arg(long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// How often each autoscaler is decided
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    pub sync_period: Duration,
    /// How many sync periods old watched objects may be before nothing is scaled
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub stale_after_syncs: u32,
    /// Autoscalers worked on at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub workers: usize,
    /// Namespace of the lease [default: that of the service account or context]
    #[arg(long, value_name = "NAME")]
    pub lease_namespace: Option<String>,
    /// Name of the lease
    #[arg(long, value_name = "NAME", default_value = "skala-controller")]
    pub lease_name: String,
    /// Act without a lease: for one controller alone
    #[arg(long)]
    pub no_election: bool,
    /// Where /metrics, /healthz and /readyz are served, read-only and without a token, such as 0.0.0.0:8080
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// Do not mark pods for removal before shrinking
    #[arg(long)]
    pub no_deletion_cost: bool,
    /// Report in the status and scale nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args)]
pub struct ExportArgs {
    #[command(subcommand)]
    pub to: ExportTo,
}

#[derive(Subcommand)]
pub enum ExportTo {
    /// Kubernetes manifests, as YAML
    Kubernetes(KubernetesArgs),
}

#[derive(Args)]
pub struct KubernetesArgs {
    /// What installs skala's controller: resource, rights, Deployment
    #[arg(long)]
    pub controller: bool,
    /// Where the controller runs
    #[arg(long, value_name = "NAME", default_value = "skala-system")]
    pub namespace: String,
    /// The controller's image [default: skala:VERSION]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Controllers; one acts, the others wait
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub replicas: u32,
    /// Only this namespace is watched, and only there it gets rights; repeatable; the whole cluster when absent
    #[arg(long, value_name = "NAMESPACE")]
    pub watch: Vec<String>,
    /// A Secret that triggers may refer to; repeatable
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = namespaced)]
    pub secret: Vec<(String, String)>,
    /// A further kind with /scale, such as rollouts.argoproj.io; repeatable
    #[arg(long, value_name = "PLURAL.GROUP")]
    pub scalable: Vec<String>,
    /// No right to mark pods for removal
    #[arg(long)]
    pub no_deletion_cost: bool,
    /// A controller that reports and may not scale
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args)]
pub struct LoadArgs {
    /// Where to, such as http://127.0.0.1:8080/
    pub url: String,
    /// Arrivals per second: `500`, a ramp `50..900/60s`, or steps `50@20s,900@20s`
    #[arg(long, value_name = "RATE", required_unless_present_any = ["trace", "find_knee"], conflicts_with = "trace")]
    pub rate: Option<String>,
    /// Arrivals from a file: an arrival time (s) per row, or timestamp,requests rows
    #[arg(long, value_name = "FILE.csv")]
    pub trace: Option<PathBuf>,
    /// Multiplies a trace's rate
    #[arg(long, value_name = "X", default_value_t = 1.0, requires = "trace")]
    pub scale: f64,
    /// How long [default: 30s, or as long as the ramp, steps or trace]
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Gaps between arrivals
    #[arg(long, value_enum, default_value_t)]
    pub spacing: Spacing,
    /// Seed of the random arrivals
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Method
    #[arg(short = 'X', long, default_value = "GET")]
    pub method: String,
    /// Header, such as 'authorization: Bearer x'; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Body
    #[arg(long, conflicts_with = "body_file")]
    pub body: Option<String>,
    /// Body from a file
    #[arg(long, value_name = "FILE")]
    pub body_file: Option<PathBuf>,
    /// A request without a complete answer by then has failed
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
    /// Most requests under way; further arrivals count as dropped
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub max_in_flight: usize,
    /// Count requests without a good answer within this time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub bound: Option<Duration>,
    /// Left out of the figures at the start
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub warm_up: Duration,
    /// At most N connections; arrivals wait for one, and their wait counts
    #[arg(long, value_name = "N")]
    pub connections: Option<usize>,
    /// A connection per request
    #[arg(long)]
    pub no_keep_alive: bool,
    /// Threads that send; one carries some tens of thousands of requests per second
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub threads: usize,
    /// How late requests may leave before the run is invalid [default: the larger of 5ms and 2 % of the median]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub lag_bound: Option<Duration>,
    /// Exit 4 when this holds, such as 'p95>200ms' or 'errors>1%'; repeatable
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<String>,
    #[command(flatten)]
    pub knee: crate::verbs::load::knee::KneeArgs,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Spacing {
    /// Independent arrivals
    #[default]
    Poisson,
    /// Equal gaps
    Constant,
}

#[derive(Args)]
pub struct DemoArgs {
    /// Length of the quiet-surge-quiet run, at least 20s
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub duration: Duration,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// A duration with unit: `90s`, `500ms`, `10m`, `1h30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    skala_load::parse_duration(text).map_err(|e| e.to_string())
}

fn namespaced(text: &str) -> Result<(String, String), String> {
    let (namespace, name) = text.split_once('/').ok_or("write NAMESPACE/NAME")?;
    Ok((namespace.to_owned(), name.to_owned()))
}

/// With other verbs `--output json` is a form.
fn file_not_form(text: &str) -> Result<PathBuf, String> {
    match text {
        "json" | "table" => Err(format!("this names the file to write; the form is `-o {text}`")),
        file => Ok(PathBuf::from(file)),
    }
}

fn service_and_size(text: &str) -> Result<(String, u32), String> {
    let (service, size) = text.split_once('=').ok_or("write SERVICE=N, such as api=5")?;
    let size = size.parse().map_err(|_| format!("'{size}' is not a number of replicas"))?;
    Ok((service.to_owned(), size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(service_and_size("api=5"), Ok(("api".into(), 5)));
        assert!(service_and_size("api").is_err());
        assert!(service_and_size("api=-1").is_err());
    }
}
