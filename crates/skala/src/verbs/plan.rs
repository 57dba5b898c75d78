//! `plan`: capacity and cost of a platform over months, from its file.

mod csv;
mod table;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use skala_capacity::plan::{self, Dimension, Exact, MAX_MONTHS, Model, Plan, Request, Target};
use skala_console::views::SCHEMA_VERSION;
use skala_spec::nearest;
use skala_spec::scalar::Amount;

use crate::exit::{Exit, FINDINGS, Outcome, USAGE};
use crate::{files, show};

/// Arguments of `skala plan`.
#[derive(Args)]
#[command(after_help = "\
Inputs are `capacity:` (loads that grow, what services and stores need, stages, scenarios), `cost:` and prices, replicas and their
bounds, `databases:` and `providers:` of the platform file. Needs round up, never down; a month has 730 hours.")]
pub struct PlanArgs {
    /// Platform file
    #[arg(value_name = "FILE", default_value = "skala.yaml", env = "SKALA_FILE")]
    pub file: PathBuf,
    /// Environment whose overlay applies
    #[arg(short, long, value_name = "NAME", env = "SKALA_ENV")]
    pub env: Option<String>,
    /// Months to look ahead
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_MONTHS)))]
    pub months: u32,
    /// A load to be carried, of a service or by the load's name, such as api=5000rps or users=10000; repeatable
    #[arg(long, value_name = "NAME=AMOUNT")]
    pub target: Vec<String>,
    /// Only this scenario
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Form,
}

/// How the plan is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    #[default]
    Table,
    /// For programs; stable fields with a schemaVersion
    Json,
    /// For spreadsheets: one figure per row
    Csv,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u32,
    #[serde(flatten)]
    plan: &'a Plan,
}

/// `skala plan FILE`
pub fn run(args: &PlanArgs) -> Outcome {
    let platform = files::platform_on_paper(&args.file, args.env.as_deref())?;
    let model = platform.plan_model();
    if model.loads.is_empty() {
        let message = format!("{} does not say what is to be carried", args.file.display());
        let help = "add `capacity: {loads: {requests: {now: 100/s, growth: 10%}}}`; `skala explain capacity` tells the rest";
        return Err(Exit::new(FINDINGS, message, help));
    }
    let request = Request {
        months: args.months,
        targets: args.target.iter().map(|text| target(&model, text)).collect::<Result<_, _>>()?,
        scenario: args.scenario.as_deref().map(|name| scenario(&model, name)).transpose()?,
    };
    let plan = plan::plan(&model, &request).map_err(|e| Exit { code: FINDINGS, message: e.to_string(), help: None })?;
    match args.output {
        Form::Json => show::json(&Document { schema_version: SCHEMA_VERSION, plan: &plan }),
        Form::Csv => show::say(csv::text(&plan).trim_end()),
        Form::Table => table::show(&plan),
    }
    Ok(())
}

fn scenario(model: &Model, name: &str) -> Result<usize, Exit> {
    let names = || model.scenarios.iter().map(|s| s.name.as_str());
    names().position(|n| n == name).ok_or_else(|| unknown("scenario", name, names().collect()))
}

/// The load of a target, by its own name or by that of the service that it comes to.
fn target(model: &Model, text: &str) -> Result<Target, Exit> {
    let usage = |message: String, help: &str| Exit::new(USAGE, message, help);
    let Some((name, amount)) = text.split_once('=') else {
        return Err(usage(format!("`{text}` is not a target"), "write NAME=AMOUNT, such as api=5000rps or users=10000"));
    };
    let (name, amount) = (name.trim(), amount.trim());
    let parsed: Amount = amount
        .parse()
        .map_err(|e: skala_spec::scalar::ScalarError| Exit::new(USAGE, format!("the target `{text}` {}", e.reason), e.help))?;
    let (load, share) = find(model, name)?;
    let unit = &model.loads[load].unit;
    let (amount, dimension) =
        parsed.in_base_units().ok_or_else(|| usage(format!("`{text}` is a share, not a load"), "write an amount"))?;
    if dimension != unit.dimension {
        let wanted = match unit.dimension {
            Dimension::Count => "a plain number, such as 10000",
            Dimension::Rate => "a rate, such as 5000rps or 2000/day",
            Dimension::Bytes => "a size, such as 500GB",
        };
        return Err(usage(format!("the target `{text}` does not fit: `{}` is {wanted}", model.loads[load].name), "write it so"));
    }
    if amount.is_zero() {
        return Err(usage(format!("the target `{text}` is nothing at all"), "ask for more than zero"));
    }
    let whole = amount.over(&Exact::new(share.into(), 1_000_000)).unwrap_or(amount);
    Ok(Target { text: text.to_owned(), load, amount: whole })
}

/// The load that a name stands for, and the service's share of it in millionths.
fn find(model: &Model, name: &str) -> Result<(usize, u64), Exit> {
    if let Some(load) = model.loads.iter().position(|l| l.name == name) {
        return Ok((load, 1_000_000));
    }
    match model.services.iter().find(|s| s.name == name) {
        Some(service) => service.station.ok_or_else(|| {
            Exit::new(
                USAGE,
                format!("no rate comes to the service `{name}`, so it has no target"),
                format!("add `capacity: {{services: {{{name}: {{load: requests}}}}}}`, or name a load"),
            )
        }),
        None => {
            let stations = model.services.iter().filter(|s| s.station.is_some()).map(|s| s.name.as_str());
            Err(unknown("load or service", name, model.loads.iter().map(|l| l.name.as_str()).chain(stations).collect()))
        }
    }
}

fn unknown(what: &str, name: &str, names: Vec<&str>) -> Exit {
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Exit::new(USAGE, format!("there is no {what} `{name}`"), help)
}
