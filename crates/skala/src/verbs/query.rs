//! `status`, `ps`, `events`, `why`, `recommend`: what a running skala shows.
//!
//! `events` and `why` also work when skala is not running: the journal is a file.

use skala_console::views::{Events, Recommendations, Replicas, Status, Why};
use skala_controller::journal::Reader;
use skala_runtime::Clock;
use skala_types::Time;

use crate::cli::{EventsArgs, Output, Place, RecommendArgs, ShowArgs, WhyArgs};
use crate::client::{Client, encode};
use crate::exit::{Exit, FAILED, Outcome};
use crate::{history, show};

/// `skala status`
pub fn status(args: &ShowArgs) -> Outcome {
    let status: Status = Client::find(&args.place.state_dir())?.get("/v1/status")?;
    match args.output {
        Output::Table => show::status(&status),
        Output::Json => show::json(&status),
    }
    Ok(())
}

/// `skala ps`
pub fn ps(args: &ShowArgs) -> Outcome {
    let client = Client::find(&args.place.state_dir())?;
    let replicas: Replicas = client.get("/v1/replicas")?;
    match args.output {
        Output::Table => show::replicas(&replicas, now(&client)?),
        Output::Json => show::json(&replicas),
    }
    Ok(())
}

fn now(client: &Client) -> Result<Time, Exit> {
    let status: Status = client.get("/v1/status")?;
    status.at.parse().map_err(|e| Exit::new(FAILED, format!("skala's clock: {e}"), "is another program on its admin port?"))
}

fn journal(place: &Place) -> Result<Reader, Exit> {
    let path = place.state_dir().join(history::FILE);
    Reader::open(&path).map_err(|_| {
        let message = format!("there is no journal in the state folder {}", place.state_dir().display());
        Exit::new(FAILED, message, "run the platform first with `skala up`, or name its folder with --state")
    })
}

/// `skala events [SERVICE]`
pub fn events(args: &EventsArgs) -> Outcome {
    let events: Events = match Client::find(&args.place.state_dir()) {
        Ok(client) => {
            let mut path = format!("/v1/events?limit={}", args.limit);
            if let Some(service) = &args.service {
                path += &format!("&service={}", encode(service));
            }
            if let Some(since) = args.since {
                path += &format!("&since={}", encode(&since.to_string()));
            }
            client.get(&path)?
        }
        Err(_) => history::events(&journal(&args.place)?, args.service.as_deref(), args.since, args.limit).map_err(Exit::from)?,
    };
    match args.output {
        Output::Table => show::events(&events),
        Output::Json => show::json(&events),
    }
    Ok(())
}

/// `skala why SERVICE [--at TIME]`
pub fn why(args: &WhyArgs) -> Outcome {
    // A service's name may look like a task's id; then the service is meant.
    if args.service.parse::<skala_queue::TaskId>().is_ok() && !is_service(args) {
        let common = super::tasks::Common { place: args.place.clone(), output: args.output };
        return super::tasks::why(&common, &args.service);
    }
    let why: Why = match Client::find(&args.place.state_dir()) {
        Ok(client) => {
            let at = args.at.map(|t| format!("?at={}", encode(&t.to_string()))).unwrap_or_default();
            client.get(&format!("/v1/services/{}/why{at}", encode(&args.service)))?
        }
        Err(_) => history::why(&journal(&args.place)?, &args.service, args.at.unwrap_or(Time::MAX), Clock::system().now())
            .map_err(Exit::from)?,
    };
    match args.output {
        Output::Table => show::say(why.text.trim_end()),
        Output::Json => show::json(&why),
    }
    Ok(())
}

/// Whether a running skala has a service of that name.
fn is_service(args: &WhyArgs) -> bool {
    let status: Result<Status, _> = Client::find(&args.place.state_dir()).and_then(|client| client.get("/v1/status"));
    status.is_ok_and(|status| status.services.iter().any(|s| s.name == args.service))
}

/// `skala recommend [SERVICE]`
pub fn recommend(args: &RecommendArgs) -> Outcome {
    let of = args.service.as_ref().map(|s| format!("?service={}", encode(s))).unwrap_or_default();
    let found: Recommendations = Client::find(&args.place.state_dir())?.get(&format!("/v1/recommendations{of}"))?;
    match args.output {
        Output::Table => show::recommendations(&found),
        Output::Json => show::json(&found),
    }
    Ok(())
}
