//! Arrivals of a platform's own journal: the windows that its decisions looked at.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use skala_controller::journal::{JournalError, Reader};
use skala_trace::{Sample, Trace};
use skala_types::{ServiceName, StationSample, Time};

use super::source::{ReadArgs, fault};
use crate::exit::{Exit, USAGE};

/// What an SQLite file begins with.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Samples are gathered into steps of this length.
pub const STEP: Duration = Duration::from_secs(10);

/// The part of a recorded observation that counts.
#[derive(Deserialize)]
struct Seen {
    station: Option<Windows>,
}

#[derive(Deserialize)]
struct Windows {
    fast: StationSample,
}

/// The load of a service, from a journal.
pub(super) fn trace(path: &Path, args: &ReadArgs, step: Duration) -> Result<Trace, Exit> {
    let reader = Reader::open(path).with_context(|| format!("open {}", path.display()))?;
    let service = service(&reader, path, args.service.as_deref())?;
    let mut samples = Vec::new();
    let read = reader.decisions(&service, Time::ZERO, |decision| {
        let seen: Seen = serde_json::from_str(&decision.observation)
            .map_err(|e| JournalError::Corrupt(format!("observation of {service} at {}: {e}", decision.at)))?;
        samples.extend(seen.station.map(|s| Sample::from(&s.fast)));
        Ok(())
    });
    read.with_context(|| format!("read {}", path.display()))?;
    Trace::from_samples(samples, args.row_step.unwrap_or(step)).map_err(|e| fault(path, e))
}

fn service(reader: &Reader, path: &Path, wanted: Option<&str>) -> Result<ServiceName, Exit> {
    let services = reader.services().with_context(|| format!("read {}", path.display()))?;
    let names = || services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ");
    match (wanted, services.as_slice()) {
        (Some(name), all) if all.iter().any(|s| s.as_str() == name) => Ok(name.into()),
        (None, [only]) => Ok(only.clone()),
        (_, []) => {
            Err(Exit::new(USAGE, format!("{} tells of no service", path.display()), "name the journal.db of a platform that ran"))
        }
        (Some(name), _) => {
            Err(Exit::new(USAGE, format!("{} tells of no service '{name}'", path.display()), format!("there are: {}", names())))
        }
        (None, _) => Err(Exit::new(
            USAGE,
            format!("{} tells of several services", path.display()),
            format!("give --service, one of: {}", names()),
        )),
    }
}
