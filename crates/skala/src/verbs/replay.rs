//! `replay`: takes recorded decisions again and reports any difference.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;
use skala_console::views::SCHEMA_VERSION;
use skala_controller::journal::Reader;
use skala_controller::{Replay, replay};
use skala_types::{ServiceName, Time};

use crate::cli::{Output, ReplayArgs};
use crate::exit::{Exit, FAILED, FINDINGS, Outcome};
use crate::{history, show};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    services: BTreeMap<ServiceName, Replay>,
}

/// `skala replay [SERVICE] [--since TIME]`: exit 3 when a decision differs.
pub fn run(args: &ReplayArgs) -> Outcome {
    let path = args.place.state_dir().join(history::FILE);
    let reader = Reader::open(&path).map_err(|e| {
        Exit::new(FAILED, format!("{e}"), "run the platform first with `skala up`, or name its folder with --state")
    })?;
    let known = reader.services().context("read the journal")?;
    let services: Vec<ServiceName> = match &args.service {
        None => known,
        Some(name) if known.iter().any(|k| k.as_str() == name) => vec![name.as_str().into()],
        Some(name) => {
            let names: Vec<_> = known.iter().map(ServiceName::as_str).collect();
            let help = format!("the journal knows: {}", names.join(", "));
            return Err(Exit::new(FAILED, format!("no decision about a service '{name}' is recorded"), help));
        }
    };
    let mut document = Document { schema_version: SCHEMA_VERSION, services: BTreeMap::new() };
    for service in services {
        let result = replay(&reader, &service, args.since.unwrap_or(Time::ZERO)).context("replay")?;
        document.services.insert(service, result);
    }
    match args.output {
        Output::Json => show::json(&document),
        Output::Table => document.services.iter().for_each(|(service, result)| table(service, result)),
    }
    let same = document.services.values().all(|r| r.different == 0);
    if same { Ok(()) } else { Err(Exit::silent(FINDINGS)) }
}

fn table(service: &ServiceName, r: &Replay) {
    show::say(&format!("{service}: {} decisions taken again, {} different, {} skipped", r.decisions, r.different, r.skipped));
    for d in &r.differences {
        show::say(&format!("  {}\n    recorded {}\n    replayed {}", d.at, d.recorded, d.replayed));
    }
}
