//! The default policy beside hpa, keda, kpa and a fixed size, and against the clairvoyant optimum, trace by trace.
//!
//! `bench/policies [--traces FOLDER] [--only WORD] [--sweep] [--rivals FILE]`
//!
//! Each cell is a trace of a size, a service (time, servers per replica, start-up, objective) and exact mode, as
//! `skala simulate --compare hpa,keda,kpa,static-peak` runs it. With `--sweep` the rivals' targets are tried, too. `--rivals FILE` keeps
//! what rivals and the optimum came to, so that a change of skala's policy alone is measured again.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement reads files and prints")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skala_autoscaler::knative::{Config, ConfigSpec};
use skala_autoscaler::{MetricSpec, Mode as Decider, Policy, PolicySpec, ResourceTarget};
use skala_sim::{Flow, Mode, Rival, Scenario, Setup, optimum, rival, scenario, simulate};
use skala_spec::{LoadOptions, Source, load};
use skala_trace::generate::{Diurnal, Flash, Generator, Mmpp, Shape, State};
use skala_trace::{Drawing, Input, ReadOptions, Trace, Window};
use skala_types::{Replicas, Time, Utilisation};

const HOUR: u64 = 3600;
/// Thursday, 2026-01-01, midnight.
const BEGINS: Time = Time::from_secs(1_767_225_600);
/// Share of the time whose need a fixed size carries.
const PEAK: f64 = 0.999;
/// Bar: replica-hours over the optimum's.
const OVER_OPTIMUM: f64 = 1.25;

/// One comparison.
#[derive(Clone)]
struct Cell {
    trace: &'static str,
    /// Mean requests per second over the whole trace.
    rate: f64,
    /// Part of it, hours.
    hours: (f64, f64),
    /// Mean of the service time, seconds, cv 1.
    service: f64,
    concurrency: u32,
    start_up: u64,
    /// The objective's p95 over the service time's.
    slack: f64,
}

impl Cell {
    fn name(&self) -> String {
        let Cell { trace, rate, hours, service, concurrency, start_up, slack } = self;
        format!("{trace} {rate}/s {}..{}h s={service} c={concurrency} up={start_up} x{slack}", hours.0, hours.1)
    }

    fn platform(&self) -> String {
        // p95 of an exponential service time is ln 20 times its mean.
        let bound = (self.service * 20f64.ln() * self.slack * 1000.0).round();
        format!(
            "platform: bench\nservices:\n  api: {{command: './api $PORT', concurrency: {}, autoscaling: {{minReplicas: 1, maxReplicas: 1000}}}}\n\
             routes: [{{path: /, service: api}}]\nobjectives: {{api: {{latency: {{p95: {bound}ms}}}}}}\n\
             capacity: {{services: {{api: {{serviceTime: {{mean: {}ms, cv: 1}}, startUp: {{mean: {}s}}}}}}}}\n",
            self.concurrency,
            self.service * 1000.0,
            self.start_up
        )
    }
}

/// A kind of service: mean service time, servers per replica, start-up, slack.
const SERVICES: [(f64, u32, u64, f64); 6] =
    [(0.5, 10, 30, 2.0), (0.5, 1, 5, 2.0), (5.0, 10, 120, 2.0), (0.05, 10, 30, 3.0), (0.5, 30, 120, 3.0), (5.0, 30, 30, 2.0)];

/// A trace, its mean rates, its parts in hours.
type Load = (&'static str, &'static [f64], &'static [(f64, f64)]);

fn cells() -> Vec<Cell> {
    // Trace, mean rates, part in hours: several windows of the recorded ones, so that none is tuned for.
    let traces: [Load; 12] = [
        ("azure", &[5.5, 33.0, 165.0], &[(0.0, 1.0)]),
        ("elb", &[10.0, 60.0], &[(24.0, 36.0), (132.0, 144.0)]),
        ("servegen", &[10.0, 60.0], &[(6.0, 18.0), (120.0, 132.0)]),
        ("diurnal", &[20.0, 100.0], &[(4.0, 16.0)]),
        ("mmpp", &[40.0], &[(0.0, 6.0)]),
        ("flash", &[30.0], &[(0.0, 2.0)]),
        ("gamma2", &[50.0], &[(0.0, 3.0)]),
        ("gamma4", &[50.0], &[(0.0, 3.0)]),
        ("ramp", &[40.0], &[(0.0, 3.0)]),
        ("steady", &[4.0, 20.0], &[(0.0, 3.0)]),
        ("slowmmpp", &[40.0], &[(0.0, 6.0)]),
        ("waves", &[40.0], &[(0.0, 8.0)]),
    ];
    let mut all = Vec::new();
    for (trace, rates, parts) in traces {
        for (rate, hours) in rates.iter().flat_map(|r| parts.iter().map(move |p| (*r, *p))) {
            for (service, concurrency, start_up, slack) in SERVICES {
                // A few hundred replicas at most.
                if rate * service / f64::from(concurrency) <= 120.0 {
                    all.push(Cell { trace, rate, hours, service, concurrency, start_up, slack });
                }
            }
        }
    }
    all
}

fn made(shape: Shape, length: u64, mean: f64, cv: Option<f64>) -> Trace {
    let drawing = Drawing { cv, ..Drawing::default() };
    let mean = Some(mean);
    Generator { shape, length: Duration::from_secs(length), mean, drawing }.trace().expect("the generator's settings stand")
}

fn read(folder: &Path, file: &str) -> Option<Trace> {
    let bytes: Arc<[u8]> = fs::read(folder.join(file)).ok()?.into();
    let open = move || Ok(Box::new(std::io::Cursor::new(Arc::clone(&bytes))) as Input);
    Some(Trace::read(Arc::new(open), ReadOptions::default()))
}

fn trace(cell: &Cell, folder: &Path) -> Option<Trace> {
    let second = Duration::from_secs;
    let whole = (cell.hours.1 * HOUR as f64) as u64;
    // Means over the whole recordings, requests per second.
    let recorded = |file, mean: f64| read(folder, file)?.scaled(cell.rate / mean).ok();
    let state = |times, stay| State { rate: times, stay: second(stay) };
    let trace = match cell.trace {
        "azure" => recorded("azure_llm_2023_conv.csv", 5.5)?,
        "elb" => recorded("nab_aws_elb_requests_5min.csv", 0.207)?.linear(),
        "servegen" => recorded("servegen_m_mid_10min.csv", 1868.0)?.linear(),
        "diurnal" => made(Shape::Diurnal(Diurnal::default()), 7 * 86_400, cell.rate, None),
        "mmpp" => made(Shape::Mmpp(Mmpp { states: vec![state(1.0, 300), state(4.0, 60)] }), whole, cell.rate, None),
        "slowmmpp" => {
            made(Shape::Mmpp(Mmpp { states: vec![state(1.0, 1800), state(2.0, 1200), state(3.0, 600)] }), whole, cell.rate, None)
        }
        "flash" => {
            let flash = Flash { base: 1.0, times: 5.0, at: second(2400), rise: second(60), decay: second(600) };
            made(Shape::Flash(flash), whole, cell.rate, None)
        }
        "gamma2" => made(Shape::Constant(1.0), whole, cell.rate, Some(2.0)),
        "gamma4" => made(Shape::Constant(1.0), whole, cell.rate, Some(4.0)),
        "ramp" => made(Shape::Ramp(1.0, 10.0), whole, cell.rate, None),
        "steady" => made(Shape::Constant(1.0), whole, cell.rate, None),
        // An hour's tide that comes every time alike.
        "waves" => {
            let wave = |i: u64| (1.5 + (i as f64 * std::f64::consts::TAU / 60.0).sin(), second(60));
            made(Shape::Steps((0..whole / 60).map(wave).collect()), whole, cell.rate, None)
        }
        _ => return None,
    };
    let window = Window::try_new(second((cell.hours.0 * HOUR as f64) as u64), Some(second(whole))).ok()?;
    Some(trace.window(window).with_seed(7))
}

/// What a policy came to.
#[derive(Clone, Copy, Debug)]
struct Came {
    missed: u64,
    minutes: u64,
    hours: f64,
}

fn run(scenario: &Scenario, trace: &Trace) -> Came {
    let mut arrivals = trace.arrivals().expect("it was read before");
    let outcome = simulate(scenario, &mut *arrivals, &mut |_| Flow::Continue).expect("it runs");
    let of = &outcome.services[0];
    Came { missed: of.missed_minutes.unwrap_or(0), minutes: of.minutes, hours: of.replica_seconds / 3600.0 }
}

fn base(cell: &Cell) -> Scenario {
    let text = cell.platform();
    let options = LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("no files".to_owned()) };
    let loaded = load(&Source { name: "skala.yaml", text: &text }, &options);
    let platform = loaded.platform.unwrap_or_else(|| panic!("{:?}\n{text}", loaded.problems));
    let setup = Setup { seed: 1, mode: Mode::Exact, begins: BEGINS, horizon: None, service: None };
    scenario(&platform, &setup).expect("the platform can be simulated").scenario
}

/// The rivals by their defaults, and with `sweep` at other targets, by name.
fn rivals(base: &Scenario, cell: &Cell, best: &optimum::Optimum, sweep: bool) -> Vec<(String, Scenario)> {
    let mut sizes: Vec<u32> = best.need.iter().map(|(_, n)| n).collect();
    sizes.sort_unstable();
    let peak = sizes.get((sizes.len() as f64 * PEAK) as usize).or(sizes.last()).copied().unwrap_or(1);
    let of = |which: Rival| rival(base, which, &[Replicas(peak)]).expect("it takes these bounds").0;
    let mut all: Vec<(String, Scenario)> = Rival::ALL.iter().map(|r| (r.name().to_owned(), of(*r))).collect();
    if !sweep {
        return all;
    }
    let changed = |which: Rival, change: &dyn Fn(&mut PolicySpec)| {
        let mut scenario = of(which);
        let mut spec = scenario.services[0].policy.spec().clone();
        change(&mut spec);
        scenario.services[0].policy = Policy::try_new(spec).expect("the target stands");
        scenario
    };
    for percent in [40, 50, 60, 70, 90] {
        let share = f64::from(percent) / 100.0;
        let cpu = MetricSpec::Cpu { target: ResourceTarget::Utilisation(Utilisation(share)) };
        all.push((format!("hpa@{percent}"), changed(Rival::Hpa, &|s| s.metrics = vec![cpu.clone().into()])));
        let target = f64::from(cell.concurrency) * share;
        all.push((
            format!("keda@{percent}"),
            changed(Rival::Keda, &|s| s.metrics = vec![MetricSpec::Concurrency { target }.into()]),
        ));
        if percent >= 50 && percent != 70 {
            let config = ConfigSpec {
                container_concurrency: cell.concurrency,
                min_scale: 1,
                max_scale: 1000,
                enable_scale_to_zero: false,
                target_utilization_percentage: 100.0 * share,
                ..ConfigSpec::default()
            };
            let config = Config::try_new(config).expect("it stands");
            all.push((format!("kpa@{percent}"), changed(Rival::Kpa, &|s| s.mode = Decider::Knative(Box::new(config.clone())))));
        }
    }
    all
}

/// Everything of one cell: the optimum, skala, rivals.
type Row = BTreeMap<String, Came>;

fn measure(cell: &Cell, folder: &Path, sweep: bool, known: Option<&Row>) -> Option<Row> {
    let (scenario, trace) = (base(cell), trace(cell, folder)?);
    let mut row = known.cloned().unwrap_or_default();
    if known.is_none() {
        let best = optimum::of_arrivals(&scenario, 0, &mut || Ok(trace.arrivals()?)).ok()?;
        let of = &best.outcome;
        let came = Came { missed: of.missed_minutes.unwrap_or(0), minutes: of.minutes, hours: of.replica_seconds / HOUR as f64 };
        row.insert("optimum".into(), came);
        for (name, scenario) in rivals(&scenario, cell, &best, sweep) {
            row.insert(name, run(&scenario, &trace));
        }
    }
    row.insert("skala".into(), run(&scenario, &trace));
    Some(row)
}

/// What the row says.
struct Verdict {
    best: &'static str,
    /// At most half of the best rival's missed minutes at no more replica-hours.
    wins: bool,
    /// No more of either than the best rival, and no minute but the first ones, in which one replica meets the whole load.
    even: bool,
    /// What keeps it from winning.
    why: &'static str,
    over: f64,
    /// Fewest missed minutes that any target of any rival reaches at no more replica-hours than skala's.
    frontier: Option<u64>,
}

fn judge(cell: &Cell, row: &Row) -> Verdict {
    let (skala, optimum) = (row["skala"], row["optimum"]);
    let best = ["hpa", "keda", "kpa"].into_iter().min_by(|a, b| {
        let (a, b) = (row[*a], row[*b]);
        a.missed.cmp(&b.missed).then(a.hours.total_cmp(&b.hours))
    });
    let best = best.expect("there are three");
    let rival = row[best];
    let (cheaper, better) = (skala.hours <= rival.hours * 1.0005, 2 * skala.missed <= rival.missed);
    // Until the first start-up is over.
    let first = 1 + cell.start_up / 60;
    let even = cheaper && !better && skala.missed <= rival.missed.min(first);
    let why = match (cheaper, better) {
        (true, true) => "",
        (false, true) => "hours",
        (true, false) => "minutes",
        (false, false) => "both",
    };
    let swept = row.iter().filter(|(n, c)| !["skala", "optimum", "static-peak"].contains(&n.as_str()) && c.hours <= skala.hours);
    Verdict {
        best,
        wins: cheaper && better,
        even,
        why,
        over: skala.hours / optimum.hours.max(1e-9),
        frontier: swept.map(|(_, c)| c.missed).min(),
    }
}

fn shown(cell: &Cell, row: &Row) -> String {
    let v = judge(cell, row);
    let of = |name: &str| row.get(name).map_or("-".into(), |c| format!("{:>4} {:>8.1}", c.missed, c.hours));
    let frontier = v.frontier.map_or("-".into(), |m| m.to_string());
    let verdict = match (v.wins, v.even) {
        (true, _) => "win".to_owned(),
        (_, true) => "even".to_owned(),
        _ => format!("no: {}", v.why),
    };
    format!(
        "{:<52} {:>5} | {} | {} | {} | {} | {} | {} | {:>4} {:<10} {:.2}{} front {frontier}",
        cell.name(),
        row["skala"].minutes,
        of("skala"),
        of("hpa"),
        of("keda"),
        of("kpa"),
        of("static-peak"),
        of("optimum"),
        v.best,
        verdict,
        v.over,
        if v.over <= OVER_OPTIMUM { " " } else { "!" },
    )
}

fn stored(rows: &BTreeMap<String, Row>) -> String {
    let mut out = String::new();
    for (cell, row) in rows {
        for (name, c) in row.iter().filter(|(n, _)| *n != "skala") {
            out += &format!("{cell}\t{name}\t{}\t{}\t{}\n", c.missed, c.minutes, c.hours);
        }
    }
    out
}

fn restored(text: &str) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let [cell, name, missed, minutes, hours] = parts[..] else { continue };
        if let (Ok(missed), Ok(minutes), Ok(hours)) = (missed.parse(), minutes.parse(), hours.parse()) {
            rows.entry(cell.into()).or_default().insert(name.into(), Came { missed, minutes, hours });
        }
    }
    rows
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let after = |flag: &str| args.iter().position(|a| a == flag).and_then(|i| args.get(i + 1)).cloned();
    let folder = PathBuf::from(after("--traces").unwrap_or_default());
    let only = after("--only").unwrap_or_default();
    let sweep = args.iter().any(|a| a == "--sweep");
    let file = after("--rivals");
    let known = file.as_ref().and_then(|f| fs::read_to_string(f).ok()).map(|t| restored(&t)).unwrap_or_default();
    let words: Vec<&str> = only.split(',').collect();
    let cells: Vec<Cell> = cells().into_iter().filter(|c| words.iter().any(|w| c.name().contains(w))).collect();
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(known.clone()));
    let threads = after("--jobs").and_then(|n| n.parse().ok()).unwrap_or(2usize);
    println!(
        "cell, minutes | missed minutes and replica-hours of skala | hpa | keda | kpa | static-peak | optimum | best rival, verdict, hours over optimum"
    );
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(row) = measure(cell, &folder, sweep, known.get(&cell.name())) {
                        println!("{}", shown(cell, &row));
                        let mut rows = rows.lock().expect("no thread panics with it");
                        rows.insert(cell.name(), row);
                        if let Some(file) = &file {
                            fs::write(file, stored(&rows)).expect("it can be written");
                        }
                    }
                }
            });
        }
    });
    let rows = rows.into_inner().expect("no thread panics with it");
    let mut by_trace: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    for cell in &cells {
        let Some(row) = rows.get(&cell.name()) else { continue };
        let v = judge(cell, row);
        let skala = row["skala"].missed;
        let sum = by_trace.entry(cell.trace).or_default();
        sum[0] += 1;
        sum[1] += usize::from(v.wins);
        sum[2] += usize::from(v.even);
        sum[3] += usize::from(v.over <= OVER_OPTIMUM);
        sum[4] += usize::from(v.frontier.is_none_or(|m| 2 * skala <= m));
    }
    println!(
        "\ntrace: cells, wins, even but for the first start-up, within {OVER_OPTIMUM} x the optimum, at most half of what the rivals' best target misses for as much"
    );
    by_trace
        .iter()
        .for_each(|(name, [n, wins, even, over, front])| println!("{name:<12} {n:>3} {wins:>3} {even:>3} {over:>3} {front:>3}"));
}
