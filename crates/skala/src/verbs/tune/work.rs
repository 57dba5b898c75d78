//! The search for one service: its knobs, the runs behind every point, the judgement.
//!
//! Decides: which services are tuned; nothing else of its own.
//! Method: rounds of points in fluid mode on the part that is searched, several at a time; then the file and the finding on the part
//!   that was held back, in the mode that was asked for.

use skala_sim::tune::{self, Effect, Found, Goal, Knob, Limits, Point, Search, Verdict};
use skala_sim::{Assumed, Mode, Scenario, Setup, SimError};
use skala_spec::Platform;
use skala_spec::model::{Autoscaling, Scale};
use skala_types::ServiceName;

use super::args::TuneArgs;
use super::file::Change;
use super::ground::{Ground, Part};
use super::report::{FrontPoint, Pair, ServiceReport, Setting};
use crate::exit::{Exit, FAILED};
use crate::verbs::simulate::bar::Bar;
use crate::verbs::simulate::compare;
use crate::verbs::simulate::contenders::{MONDAY, STEP};
use crate::verbs::simulate::runs::{self, Stop};

/// One service, ready to be searched.
pub struct Work {
    /// Its name.
    pub name: ServiceName,
    service: skala_spec::model::Service,
    scenario: Scenario,
    remarks: Vec<String>,
    knobs: Vec<Knob>,
    goal: Goal,
    limits: Limits,
}

/// What came of it.
pub struct Done {
    /// For the report.
    pub report: ServiceReport,
    /// Settings that get another value.
    pub changes: Vec<Change>,
    /// The section with them.
    pub autoscaling: Option<Autoscaling>,
    /// What had to be assumed.
    pub remarks: Vec<String>,
    /// Currency of costs.
    pub currency: Option<String>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// The services that are tuned.
///
/// # Errors
/// A name that is not there; nothing that scales.
pub fn services(args: &TuneArgs, platform: &Platform) -> Result<Vec<ServiceName>, Exit> {
    if args.services.is_empty() {
        let scaled = |s: &skala_spec::model::Service| s.autoscaling.is_some() && s.scale() != Scale::External;
        let first = platform.services.iter().find(|(_, s)| scaled(s));
        let none = || {
            let message = format!("{}: no service scales, so there is nothing to tune", args.file.display());
            Exit::new(FAILED, message, "give one `autoscaling: {minReplicas: 1, maxReplicas: 8}`")
        };
        return Ok(vec![first.ok_or_else(none)?.0.clone()]);
    }
    let mut names: Vec<ServiceName> = Vec::new();
    for wanted in &args.services {
        let Some((name, _)) = platform.services.iter().find(|(name, _)| name.as_str() == wanted.as_str()) else {
            let all: Vec<&str> = platform.services.keys().map(ServiceName::as_str).collect();
            let message = format!("--service {wanted}: the platform has no such service");
            return Err(Exit::new(FAILED, message, format!("it has {}", all.join(", "))));
        };
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(names)
}

impl Work {
    /// Prepares a service.
    ///
    /// # Errors
    /// No objective, nothing to search, or a setting that cannot stand.
    pub fn try_new(args: &TuneArgs, platform: &Platform, name: &ServiceName, limits: Limits) -> Result<Work, Exit> {
        let wrong = |message: String, help: &str| Exit::new(FAILED, format!("{}: {message}", args.file.display()), help);
        let begins = args.begins.unwrap_or_else(|| MONDAY.parse().expect("a constant that is a time"));
        let mode = Mode::Fluid { step: STEP };
        let setup = Setup { seed: args.seed, mode, begins, horizon: None, service: Some(name.as_str()) };
        let Assumed { scenario, remarks } =
            skala_sim::scenario(platform, &setup).map_err(|e| wrong(e.to_string(), "correct the platform file"))?;
        if scenario.services.first().and_then(|s| s.objective).is_none() {
            let help = format!("add `objectives: {{{name}: {{latency: {{p95: 500ms}}}}}}` with what is promised");
            return Err(wrong(format!("{name} has no objective, so nothing can be better or worse"), &help));
        }
        let mut service = platform.services.get(name).cloned().expect("a service of the scenario is one of the platform");
        // Requests of schedules are not simulated.
        service.woken_by.clear();
        let knobs = tune::knobs(&service);
        if knobs.is_empty() {
            return Err(wrong(
                format!("{name} has nothing to tune: its size is fixed"),
                "give it `autoscaling` with a `maxReplicas` above 1",
            ));
        }
        let mut remarks = remarks;
        for metric in tune::untouched(&service) {
            remarks.push(format!("services.{name}: {metric} is not searched: a simulation has no numbers for it."));
        }
        Ok(Work { name: name.clone(), service, scenario, remarks, knobs, goal: args.goal.into(), limits })
    }

    /// Searches and judges.
    ///
    /// # Errors
    /// What is wrong with the trace; an end before anything was evaluated.
    pub fn run(&self, args: &TuneArgs, ground: &Ground, stop: &Stop) -> Result<Done, Exit> {
        let start: Point = self.knobs.iter().map(Knob::start).collect();
        let what = Search {
            sizes: self.knobs.iter().map(|k| k.values.len()).collect(),
            start: start.clone(),
            budget: usize::try_from(args.budget).unwrap_or(usize::MAX),
            seed: args.seed,
        };
        let threads = args.jobs.map_or_else(compare::processors, usize::from);
        let bar = Bar::new(what.budget);
        let (mut failed, mut now, mut done) = (None, None, 0);
        let mut evaluate = |points: &[Point]| {
            let round = self.round(&ground.searched, points, threads, stop, &bar, done);
            done += points.len();
            match round {
                Ok(effects) => {
                    // The file's own point is the first.
                    now = now.or(effects.first().copied().flatten());
                    Some(effects)
                }
                Err(SimError::Cancelled) => None,
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        };
        // The order needs what the file comes to, which the first round tells.
        let first = evaluate(std::slice::from_ref(&start));
        bar.finish();
        let Some(now_effect) = first.and_then(|e| e.first().copied().flatten()) else {
            return Err(match failed {
                Some(error) => ground.searched.failure(&error),
                None if stop.stopped() => interrupted(),
                None => Exit::new(
                    FAILED,
                    "the file's own policy could not be judged on this trace",
                    "look at it with `skala simulate`",
                ),
            });
        };
        if now_effect.minutes == 0 {
            let message = format!("{}: nothing arrives in the part that is searched on", ground.name);
            return Err(Exit::new(FAILED, message, "give another --split, or look at it with `skala trace inspect`"));
        }
        let mut known = Some(now_effect);
        let mut all = |points: &[Point]| match known.take() {
            // Already evaluated above.
            Some(effect) if points == [start.clone()] => Some(vec![Some(effect)]),
            _ => evaluate(points),
        };
        let order = |a: &Effect, b: &Effect| self.goal.order(a, b, &now_effect, &self.limits);
        let nearly = |a: &Effect, b: &Effect| self.goal.nearly(a, b, &now_effect, &self.limits);
        let found = tune::search(&what, &mut all, &order, &nearly);
        bar.finish();
        if let Some(error) = failed {
            return Err(ground.searched.failure(&error));
        }
        self.judge(ground, &what, &found, threads)
    }

    /// What each point of a round comes to.
    fn round(
        &self,
        part: &Part,
        points: &[Point],
        threads: usize,
        stop: &Stop,
        bar: &Bar,
        done: usize,
    ) -> Result<Vec<Option<Effect>>, SimError> {
        let act = |i: usize, point: &Point| {
            let Some((scenario, _)) = self.at(point) else { return Ok(None) };
            let outcome = part.run(&scenario, &mut runs::follow(bar, stop, done + i));
            bar.at(done + i, Some(1.0), part.length);
            Ok(outcome?.services.first().and_then(Effect::of))
        };
        runs::all(points, threads, stop, act).map_err(|(_, e)| e)
    }

    /// The scenario at a point, and the section of the file; `None` where the policy cannot stand.
    fn at(&self, point: &Point) -> Option<(Scenario, Autoscaling)> {
        let mut service = self.service.clone();
        let autoscaling = service.autoscaling.as_mut()?;
        for (knob, at) in self.knobs.iter().zip(point) {
            if let Some(value) = knob.values.get(*at)? {
                tune::apply(autoscaling, &knob.path, value).then_some(())?;
            }
        }
        let section = autoscaling.clone();
        let policy = service.policy()?.ok()?;
        let mut scenario = self.scenario.clone();
        scenario.services.first_mut()?.policy = policy;
        Some((scenario, section))
    }

    /// The file and the finding on the part that was held back.
    fn judge(&self, ground: &Ground, what: &Search, found: &Found<Effect>, threads: usize) -> Result<Done, Exit> {
        let effect = |point: &Point| found.tried.get(point).copied().flatten().unwrap_or_default();
        let searched = Pair { now: effect(&what.start), found: effect(&found.best) };
        let quick;
        let part = match found.interrupted {
            true => {
                quick = ground.held_back.in_fluid_mode();
                &quick
            }
            false => &ground.held_back,
        };
        // Judging goes on after Ctrl-C; another one ends it.
        let points = [what.start.clone(), found.best.clone()];
        let bar = Bar::new(points.len());
        let held = self.round(part, &points, threads, &Stop::default(), &bar, 0);
        bar.finish();
        let held = held.map_err(|e| part.failure(&e))?;
        let [Some(now), Some(best)] = held[..] else {
            return Err(Exit::new(FAILED, "nothing could be judged on the part that was held back", "give another --split"));
        };
        if now.minutes == 0 {
            let message = format!("{}: nothing arrives in the part that was held back", ground.name);
            return Err(Exit::new(FAILED, message, "give another --split"));
        }
        let changed = found.best != what.start;
        let verdict = tune::verdict(self.goal, &self.limits, changed, &now, &best);
        let report = ServiceReport {
            service: self.name.to_string(),
            objective: self.scenario.services[0].objective.as_ref().map(compare::promise).unwrap_or_default(),
            verdict,
            evaluations: found.tried.len(),
            settings: self.settings(&found.best),
            searched,
            held_back: Pair { now, found: best },
            front: self.front(found),
        };
        let changes = if verdict == Verdict::Better { self.changes(&found.best) } else { Vec::new() };
        let currency = self.scenario.services[0].price_per_hour.map(|p| p.currency.to_string());
        let autoscaling = self.at(&found.best).map(|(_, section)| section);
        Ok(Done { report, changes, autoscaling, remarks: self.remarks.clone(), currency, interrupted: found.interrupted })
    }

    fn settings(&self, best: &Point) -> Vec<Setting> {
        let setting = |(knob, at): (&Knob, &usize)| Setting {
            name: knob.name(),
            now: knob.now.clone(),
            found: knob.values[*at].clone(),
            range: [knob.told(0), knob.told(knob.values.len() - 1)],
            values: knob.values.len(),
        };
        self.knobs.iter().zip(best).map(setting).collect()
    }

    fn changes(&self, best: &Point) -> Vec<Change> {
        let changed = self.knobs.iter().zip(best).filter_map(|(knob, at)| Some((knob, knob.values[*at].clone()?)));
        changed.map(|(knob, value)| Change { service: self.name.to_string(), knob: knob.clone(), value }).collect()
    }

    /// What nothing else that was tried beats in both, cheapest first.
    fn front(&self, found: &Found<Effect>) -> Vec<FrontPoint> {
        let mut all: Vec<(&Point, Effect)> = found.tried.iter().filter_map(|(p, e)| Some((p, (*e)?))).collect();
        all.sort_by(|(_, a), (_, b)| a.paid().total_cmp(&b.paid()).then(a.missed_minutes.cmp(&b.missed_minutes)));
        let mut front: Vec<FrontPoint> = Vec::new();
        for (point, effect) in all {
            if front.last().is_some_and(|p| p.effect.missed_minutes <= effect.missed_minutes) {
                continue;
            }
            let settings = self.changes(point).iter().map(|c| format!("{} {}", c.knob.name(), c.value.told())).collect();
            front.push(FrontPoint { effect, settings });
        }
        front
    }
}

fn interrupted() -> Exit {
    Exit { code: crate::exit::INTERRUPTED, message: "interrupted before anything was tried".into(), help: None }
}
