//! `scale`, `pause`, `resume`: orders to a running skala.

use std::time::Duration;

use skala_console::views::{Done, PauseOrder, ScaleOrder};

use crate::cli::{PauseArgs, ScaleArgs, ServiceArgs};
use crate::client::{Client, encode};
use crate::exit::Outcome;
use crate::show::say;

fn ms(lasting: Option<Duration>) -> Option<u64> {
    lasting.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// `skala scale SERVICE=N [--for D]`
pub fn scale(args: &ScaleArgs) -> Outcome {
    let (service, replicas) = &args.order;
    let order = ScaleOrder { replicas: *replicas, for_ms: ms(args.lasting) };
    let done: Done = Client::find(&args.place.state_dir())?.post(&format!("/v1/services/{}/scale", encode(service)), &order)?;
    say(&done.message);
    Ok(())
}

/// `skala pause SERVICE [--for D]`
pub fn pause(args: &PauseArgs) -> Outcome {
    let order = PauseOrder { for_ms: ms(args.lasting) };
    let done: Done =
        Client::find(&args.place.state_dir())?.post(&format!("/v1/services/{}/pause", encode(&args.service)), &order)?;
    say(&done.message);
    Ok(())
}

/// `skala resume SERVICE`
pub fn resume(args: &ServiceArgs) -> Outcome {
    let path = format!("/v1/services/{}/resume", encode(&args.service));
    let done: Done = Client::find(&args.place.state_dir())?.post(&path, &PauseOrder::default())?;
    say(&done.message);
    Ok(())
}
