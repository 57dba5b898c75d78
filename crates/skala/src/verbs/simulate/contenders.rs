//! Who is compared: platform files, and the built-in rivals on the first one's terms.
//!
//! Decides: nothing; what a word of `--compare` means.
//! Invariants: every contender has its own name; a rival shares everything but the policy with the first platform.

use std::path::Path;

use skala_sim::{Assumed, Mode, Rival, Scenario, Setup};

use super::args::SimulateArgs;
use super::faults;
use super::suggest::nearest;
use crate::exit::{Exit, FAILED, USAGE};
use crate::files;

/// The beginning of a trace that does not say: Monday, 5 January 2026, 00:00 UTC.
pub const MONDAY: &str = "2026-01-05T00:00:00Z";
/// The step of fluid mode: the controller's own.
pub const STEP: std::time::Duration = std::time::Duration::from_secs(1);

/// A policy in the comparison.
pub struct Contender {
    /// Its name in rows.
    pub name: String,
    /// Whether conditions compare with it.
    pub baseline: bool,
    /// What it is.
    pub kind: Kind,
}

/// What a contender is.
pub enum Kind {
    /// A platform file's own policies.
    File(Box<Scenario>),
    /// A built-in rival on the first platform's terms.
    Rival(Rival),
}

/// Everybody, the first platform at the front.
pub struct Field {
    /// In the order of rows.
    pub contenders: Vec<Contender>,
    /// What had to be assumed.
    pub remarks: Vec<String>,
}

impl Field {
    /// The first platform's scenario.
    pub fn first(&self) -> &Scenario {
        match &self.contenders[0].kind {
            Kind::File(scenario) => scenario,
            Kind::Rival(_) => unreachable!("the first contender is the platform file"),
        }
    }
}

/// Reads the platform files and the rivals' names.
///
/// # Errors
/// A file that is missing or wrong, an unknown word, a fault that cannot be.
pub fn gather(args: &SimulateArgs) -> Result<Field, Exit> {
    let mut field = Field { contenders: Vec::new(), remarks: Vec::new() };
    add_file(&mut field, args, &args.file, false)?;
    for word in &args.compare {
        let word = word.trim();
        match (word.parse::<Rival>(), Path::new(word)) {
            (Ok(rival), _) => add(&mut field, rival.name().to_owned(), false, Kind::Rival(rival)),
            (Err(()), path) if path.exists() || word.contains(['.', '/']) => add_file(&mut field, args, path, false)?,
            _ => return Err(unknown(word)),
        }
    }
    if let Some(path) = &args.baseline {
        add_file(&mut field, args, path, true)?;
    }
    Ok(field)
}

fn unknown(word: &str) -> Exit {
    let names = Rival::ALL.map(Rival::name);
    let meant = nearest(word, names).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    let message = format!("--compare '{word}' is neither a platform file nor a built-in policy{meant}");
    Exit::new(USAGE, message, format!("name a file, or one of {}", names.join(", ")))
}

fn add_file(field: &mut Field, args: &SimulateArgs, path: &Path, baseline: bool) -> Result<(), Exit> {
    let platform = files::platform_on_paper(path, args.env.as_deref())?;
    let begins = args.begins.unwrap_or_else(|| MONDAY.parse().expect("a constant that is a time"));
    let setup = Setup { seed: args.seed, mode: Mode::Exact, begins, horizon: args.horizon, service: args.service.as_deref() };
    let wrong = |e: skala_sim::SimError| Exit::new(FAILED, format!("{}: {e}", path.display()), "correct the platform file");
    let Assumed { mut scenario, remarks } = skala_sim::scenario(&platform, &setup).map_err(wrong)?;
    let names: Vec<String> = scenario.services.iter().map(|s| s.name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for text in &args.fault {
        let fault = faults::parse(text, &names).map_err(|message| Exit { code: USAGE, message, help: None })?;
        scenario.faults.push(fault);
    }
    for remark in remarks {
        let remark = if field.contenders.is_empty() { remark } else { format!("{}: {remark}", path.display()) };
        field.remarks.push(remark);
    }
    add(field, path.display().to_string(), baseline, Kind::File(Box::new(scenario)));
    Ok(())
}

/// Adds one under a name of its own.
fn add(field: &mut Field, name: String, baseline: bool, kind: Kind) {
    let taken = |name: &str| field.contenders.iter().any(|c| c.name == name);
    let mut free = name.clone();
    let mut number = 2;
    while taken(&free) {
        free = format!("{name} ({number})");
        number += 1;
    }
    field.contenders.push(Contender { name: free, baseline, kind });
}

impl Contender {
    /// What it is, in a sentence.
    pub fn about(&self) -> String {
        match &self.kind {
            Kind::Rival(rival) => rival.describe().to_owned(),
            Kind::File(scenario) => about(scenario),
        }
    }
}

/// The policy of the service that takes the arrivals.
fn about(scenario: &Scenario) -> String {
    let Some(service) = scenario.services.first() else { return "a platform without services".into() };
    let spec = service.policy.spec();
    let mode = match &spec.mode {
        skala_autoscaler::Mode::Default => "skala's own mode",
        skala_autoscaler::Mode::Hpa(_) => "mode hpa",
        skala_autoscaler::Mode::Knative(_) => "mode knative",
    };
    let (min, max) = (spec.min_replicas, spec.max_replicas);
    if min == max {
        return format!("{} has a fixed size of {max}", service.name);
    }
    let metrics: Vec<String> = spec.metrics.iter().map(|m| m.what.name().to_string()).collect();
    let on = if metrics.is_empty() { String::new() } else { format!(" on {}", metrics.join(", ")) };
    format!("{}, {min} to {max} replicas{on}", mode)
}
