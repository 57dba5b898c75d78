//! From traces and contenders to the report.
//!
//! Decides: exact or fluid mode; the fixed size of `static-peak`.
//! Method: per trace and platform file first the clairvoyant optimum, which also gives the need that sizes are measured against;
//!   then every contender on every trace with the same seed.

use skala_sim::{Mode, Need, Outcome, Scenario, ServiceOutcome, SimError, optimum};
use skala_trace::TraceError;
use skala_types::{Replicas, Time};

use super::args::{ModeArg, SimulateArgs};
use super::bar::Bar;
use super::condition::{Condition, Verdict};
use super::contenders::{Contender, Field, Kind, STEP};
use super::figures::Figures;
use super::report::{PolicyNote, Report, Row, SCHEMA_VERSION, Stations, TraceReport};
use super::runs::{self, Stop};
use super::traces::Source;
use super::words;
use crate::exit::{Exit, FAILED};

/// Requests up to which `auto` simulates each by itself: some seconds per policy.
const EXACT_UP_TO: f64 = 3e6;
/// Share of the time whose need `static-peak` carries.
const PEAK: f64 = 0.999;

/// Shorter traces are simulated in a moment, idle or not, seconds: 60 days.
const IDLE_FROM: u64 = 60 * 86_400;
/// A trace with fewer requests than one in so many seconds is idle: an hour.
const IDLE_GAP: f64 = 3600.0;

/// What is known of a trace before it is run.
struct Known {
    mode: Mode,
    /// The moment of its beginning, where it tells and the user does not.
    begins: Option<Time>,
}

/// What is prepared for one platform file on one trace.
struct Optimum {
    /// Per service that takes arrivals; `None` without an objective.
    services: Vec<Option<optimum::Optimum>>,
    /// Why there is none, where one was to be expected.
    remark: Option<String>,
}

/// Runs everything.
///
/// # Errors
/// What is wrong with a trace or a platform.
pub fn compare(
    args: &SimulateArgs,
    field: &Field,
    sources: &[Source],
    conditions: &[Condition],
    stop: &Stop,
) -> Result<Report, Exit> {
    let threads = args.jobs.map_or_else(processors, usize::from);
    let traces: Vec<usize> = (0..sources.len()).collect();
    let contenders: Vec<usize> = (0..field.contenders.len()).collect();
    let failed = |trace: usize, e: &SimError| failure(&sources[trace], e);

    let known = runs::all(&traces, threads, stop, |_, t| know(args, &sources[*t])).map_err(|(t, e)| failed(t, &e))?;
    let files: Vec<usize> = contenders.iter().copied().filter(|c| matches!(field.contenders[*c].kind, Kind::File(_))).collect();
    let pairs = pairs(&traces, &files);
    let best = |_, (t, c): &(usize, usize)| match &field.contenders[*c].kind {
        Kind::File(scenario) => best(scenario, &sources[*t], known[*t].mode),
        Kind::Rival(_) => Ok(Optimum { services: Vec::new(), remark: None }),
    };
    let optima = runs::all(&pairs, threads, stop, best).map_err(|(i, e)| failed(pairs[i].0, &e))?;
    let optimum_of = |t: usize, c: usize| {
        let file = if matches!(field.contenders[c].kind, Kind::File(_)) { c } else { 0 };
        let index = pairs.iter().position(|p| *p == (t, file));
        &optima[index.expect("every file has an optimum on every trace")]
    };

    let jobs = self::pairs(&traces, &contenders);
    let bar = Bar::new(jobs.len());
    let run = |i: usize, (t, c): &(usize, usize)| {
        let (scenario, remarks) = prepared(field, &field.contenders[*c], optimum_of(*t, *c), &known[*t])?;
        let outcome = simulate(&scenario, &sources[*t], &mut runs::follow(&bar, stop, i))?;
        Ok((scenario, outcome, remarks))
    };
    let done = runs::all(&jobs, threads, stop, run);
    bar.finish();
    let done = done.map_err(|(i, e)| failed(jobs[i].0, &e))?;

    let mut report = Report {
        schema_version: SCHEMA_VERSION,
        seed: args.seed,
        currency: currency(field),
        policies: field.contenders.iter().map(note).collect(),
        traces: Vec::new(),
        conditions: Vec::new(),
        remarks: field.remarks.clone(),
    };
    for t in &traces {
        let runs = jobs.iter().zip(&done).filter(|((trace, _), _)| trace == t);
        let mut trace: Option<TraceReport> = None;
        for ((_, c), (scenario, outcome, remarks)) in runs {
            for remark in remarks.iter().filter(|r| !report.remarks.contains(r)).cloned().collect::<Vec<_>>() {
                report.remarks.push(remark);
            }
            let trace = trace.get_or_insert_with(|| head(&sources[*t], outcome));
            trace.rows.extend(rows(&field.contenders[*c], scenario, outcome, optimum_of(*t, *c)));
            trace.stations.extend(stations(&field.contenders[*c], outcome));
        }
        report.traces.extend(trace);
    }
    report.remarks.extend(too_late(args, field, &report.traces));
    report.remarks.extend(report.traces.iter().filter_map(idle));
    report.remarks.extend(optima.iter().filter_map(|o| o.remark.clone()));
    report.conditions = judge(&report, conditions);
    Ok(report)
}

/// Faults of the command line that no trace lasts long enough for.
fn too_late(args: &SimulateArgs, field: &Field, traces: &[TraceReport]) -> Vec<String> {
    let faults = &field.first().faults;
    let asked = args.fault.iter().zip(&faults[faults.len() - args.fault.len()..]);
    let of = |(text, fault): (&String, &skala_sim::Fault)| {
        let late = traces.iter().filter(|t| fault.at.as_millis() >= u128::from(t.duration_ms));
        let tell = |t: &TraceReport| {
            let end = words::seconds(t.duration_ms as f64 / 1000.0);
            format!("the fault '{text}' would come after the end of {}, which is at {end}: nothing went wrong there", t.name)
        };
        late.map(tell).collect::<Vec<_>>()
    };
    asked.flat_map(of).collect()
}

/// Why a long trace with next to nothing in it took so long.
fn idle(trace: &TraceReport) -> Option<String> {
    let (requests, seconds) = (trace.rows.first()?.figures.requests, trace.duration_ms / 1000);
    is_idle(requests, seconds).then(|| {
        format!(
            "{} lasts {} and is idle nearly all the time, which is simulated second by second all the same; --from and --until take a part",
            trace.name,
            words::whole(seconds)
        )
    })
}

fn is_idle(requests: f64, seconds: u64) -> bool {
    seconds > IDLE_FROM && requests * IDLE_GAP < seconds as f64
}

/// Runs at a time where nothing is said.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn pairs(traces: &[usize], contenders: &[usize]) -> Vec<(usize, usize)> {
    traces.iter().flat_map(|t| contenders.iter().map(move |c| (*t, *c))).collect()
}

/// An error of a trace or a setting, with the trace's name.
pub fn failure(source: &Source, error: &SimError) -> Exit {
    let help = match error {
        SimError::Trace(TraceError::Empty) => Some("`skala trace inspect` tells what a trace holds; --from and --until may leave nothing of it".to_owned()),
        SimError::Trace(TraceError::Row { .. }) => Some(
            "correct the row, or write another form of the trace with `skala trace convert`, which has --sort, --rows and --holes"
                .to_owned(),
        ),
        _ => None,
    };
    // A fault of the trace is told as `skala trace` tells it.
    let message = match error {
        SimError::Trace(e @ TraceError::Row { .. }) => format!("{}: {e}", source.name),
        SimError::Trace(e @ (TraceError::Empty | TraceError::Read(_))) => format!("{} {e}", source.name),
        other => format!("{}: {other}", source.name),
    };
    Exit { code: FAILED, message, help }
}

/// How much load there is, and so the mode.
fn know(args: &SimulateArgs, source: &Source) -> Result<Known, SimError> {
    let mode = mode(args.mode, source)?;
    let begins = if args.begins.is_none() { source.begins()? } else { None };
    Ok(Known { mode, begins })
}

/// The mode that was asked for, or the one that suits the trace.
///
/// # Errors
/// What is wrong with the trace.
pub fn mode(asked: ModeArg, source: &Source) -> Result<Mode, SimError> {
    Ok(match asked {
        ModeArg::Exact => Mode::Exact,
        ModeArg::Fluid => Mode::Fluid { step: STEP },
        ModeArg::Auto if source.requests(EXACT_UP_TO)? <= EXACT_UP_TO => Mode::Exact,
        ModeArg::Auto => Mode::Fluid { step: STEP },
    })
}

/// The optimum of each service with an objective. What keeps it from being told is no reason to tell nothing.
fn best(scenario: &Scenario, source: &Source, mode: Mode) -> Result<Optimum, SimError> {
    let mut best = Optimum { services: Vec::new(), remark: None };
    for (i, service) in scenario.services.iter().enumerate() {
        if service.objective.is_none() || service.share <= 0.0 {
            best.services.push(None);
            continue;
        }
        let found = match mode {
            Mode::Exact => optimum::of_arrivals(scenario, i, &mut || source.arrivals()),
            Mode::Fluid { .. } => optimum::of_steps(scenario, i, &mut || source.steps()),
        };
        match found {
            Ok(found) => best.services.push(Some(found)),
            Err(SimError::Setting { field, reason }) => {
                best.services.push(None);
                best.remark = Some(format!("there is no optimum to compare with on {}: {field}: {reason}", source.name));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(best)
}

/// A contender's scenario for one trace.
fn prepared(field: &Field, contender: &Contender, optimum: &Optimum, known: &Known) -> Result<(Scenario, Vec<String>), SimError> {
    let (mut scenario, remarks) = match &contender.kind {
        Kind::File(scenario) => (Scenario::clone(scenario), Vec::new()),
        Kind::Rival(rival) => {
            let need = |o: &Option<optimum::Optimum>| o.as_ref().map_or(Replicas(u32::MAX), |o| Replicas(peak(&o.need)));
            let sizes: Vec<Replicas> = optimum.services.iter().map(need).collect();
            skala_sim::rival(field.first(), *rival, &sizes)?
        }
    };
    scenario.mode = known.mode;
    scenario.begins = known.begins.unwrap_or(scenario.begins);
    for (service, optimum) in scenario.services.iter_mut().zip(&optimum.services) {
        service.need = optimum.as_ref().map(|o| std::sync::Arc::clone(&o.need));
    }
    Ok((scenario, remarks))
}

/// The size that suffices for [`PEAK`] of the time.
fn peak(need: &Need) -> u32 {
    let mut sizes: Vec<u32> = need.iter().map(|(_, n)| n).collect();
    sizes.sort_unstable();
    // At most 2^20 steps.
    let index = (sizes.len() as f64 * PEAK).ceil() as usize;
    sizes.get(index.saturating_sub(1)).copied().unwrap_or(1)
}

/// One run, in the scenario's mode.
///
/// # Errors
/// What is wrong with the trace or the scenario.
pub fn simulate(
    scenario: &Scenario,
    source: &Source,
    progress: &mut dyn FnMut(skala_sim::Progress) -> skala_sim::Flow,
) -> Result<Outcome, SimError> {
    match scenario.mode {
        Mode::Exact => skala_sim::simulate(scenario, &mut *source.arrivals()?, progress),
        Mode::Fluid { .. } => skala_sim::simulate_steps(scenario, &mut *source.steps()?, progress),
    }
}

fn currency(field: &Field) -> Option<String> {
    field.first().services.iter().find_map(|s| Some(s.price_per_hour?.currency.to_string()))
}

fn note(contender: &Contender) -> PolicyNote {
    PolicyNote { name: contender.name.clone(), about: contender.about(), baseline: contender.baseline }
}

fn head(source: &Source, outcome: &Outcome) -> TraceReport {
    let ms = |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    TraceReport {
        name: source.name.clone(),
        duration_ms: ms(outcome.duration),
        masked_ms: ms(outcome.masked),
        mode: outcome.mode.clone(),
        caveats: outcome.caveats.clone(),
        rows: Vec::new(),
        stations: Vec::new(),
    }
}

/// What came of queues, providers and databases, where there are any.
fn stations(contender: &Contender, outcome: &Outcome) -> Option<Stations> {
    let any = !(outcome.queues.is_empty() && outcome.providers.is_empty() && outcome.pools.is_empty());
    any.then(|| Stations {
        policy: contender.name.clone(),
        queues: outcome.queues.clone(),
        providers: outcome.providers.clone(),
        pools: outcome.pools.clone(),
    })
}

/// A row per service that saw requests or moved.
fn rows(contender: &Contender, scenario: &Scenario, outcome: &Outcome, optimum: &Optimum) -> Vec<Row> {
    let services = scenario.services.iter().zip(&outcome.services).enumerate();
    let seen = services.filter(|(_, (s, _))| s.share > 0.0);
    let row = |(i, (service, outcome)): (usize, (&skala_sim::Service, &ServiceOutcome))| {
        let best = optimum.services.get(i).and_then(Option::as_ref);
        let hours = best.map(|o| o.outcome.replica_seconds / 3600.0);
        Row {
            policy: contender.name.clone(),
            service: service.name.to_string(),
            objective: service.objective.as_ref().map(promise),
            figures: Figures::of(outcome, hours),
            bound: service.objective.as_ref().and_then(bound),
            outcome: outcome.clone(),
        }
    };
    seen.map(row).collect()
}

fn quantile(q: skala_autoscaler::Quantile) -> &'static str {
    match q {
        skala_autoscaler::Quantile::P50 => "p50",
        skala_autoscaler::Quantile::P90 => "p90",
        skala_autoscaler::Quantile::P95 => "p95",
        skala_autoscaler::Quantile::P99 => "p99",
    }
}

/// The bound on latency, unless availability alone is promised.
fn bound(objective: &skala_sim::Objective) -> Option<(f64, &'static str)> {
    (objective.latency < std::time::Duration::MAX).then(|| (objective.latency.as_secs_f64(), quantile(objective.quantile)))
}

/// An objective in words.
pub fn promise(objective: &skala_sim::Objective) -> String {
    let latency = bound(objective).map(|(seconds, q)| format!("{q} within {}", words::seconds(seconds)));
    let answered = objective.availability.map(|a| format!("{} answered", words::share_fine(a)));
    let parts: Vec<String> = latency.into_iter().chain(answered).collect();
    format!("objective {}", parts.join(", "))
}

/// The first platform against the baseline, on each trace and service.
fn judge(report: &Report, conditions: &[Condition]) -> Vec<Verdict> {
    let Some(candidate) = report.policies.first() else { return Vec::new() };
    let baseline = report.policies.iter().find(|p| p.baseline);
    let mut verdicts = Vec::new();
    for trace in &report.traces {
        for row in trace.rows.iter().filter(|r| r.policy == candidate.name) {
            let same = |r: &&Row| Some(&r.policy) == baseline.map(|b| &b.name) && r.service == row.service;
            let base = trace.rows.iter().find(same).map(|r| &r.figures);
            verdicts.extend(conditions.iter().map(|c| c.judge(&row.figures, base, &trace.name, &row.service)));
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::is_idle;

    #[test]
    fn only_a_long_trace_with_next_to_nothing_in_it_is_idle() {
        let day = 86_400;
        let rows = [(2.0, 3 * 365 * day, true), (2.0, 30 * day, false), (1e6, 365 * day, false), (0.0, 61 * day, true)];
        for (requests, seconds, wanted) in rows {
            assert_eq!(is_idle(requests, seconds), wanted, "{requests} in {seconds} s");
        }
    }
}
