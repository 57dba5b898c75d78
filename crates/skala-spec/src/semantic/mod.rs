//! Checks across fields, on whatever part of the file decoded.
//!
//! Decides: E04 (services), E05 (autoscaling), E06 (routes, addresses, objectives), E07 (budgets, databases, providers) and E08 (queues,
//!   schedules, what is planned of them) problems, and warnings.
//! Invariants: nothing is said about a field whose cause is a field that was already reported.
//! Tested: `tests/it/problems.rs`.

mod addresses;
mod autoscaling;
mod capacity;
mod objectives;
mod offload;
mod queues;
mod routes;
mod schedules;
mod services;

use std::collections::BTreeSet;

use skala_types::ServiceName;

use crate::check::Checked;
use crate::model::Platform;
use crate::problem::{Sink, Text};

/// Runs every check.
pub(crate) fn check(platform: &Platform, checked: &Checked, sink: &mut Sink) {
    let services = checked.places.keys().filter_map(|path| path.strip_prefix("services."));
    let services = services.filter(|name| !name.contains(['.', '['])).collect();
    let mut cx = Cx { broken: checked.broken.iter().map(String::as_str).collect(), services, checked, sink };
    let routes = platform.routes();
    // A queue's tasks reach a service as a route's requests do.
    let pushed = platform.queues.values().filter_map(|q| Some(q.deliver.pushes_to()?.0));
    let called = platform.schedules.values().filter_map(|s| Some(&s.http.as_ref()?.service));
    let listening = routes.iter().map(|r| &r.service).chain(pushed).chain(called).map(ServiceName::as_str);
    let listening: BTreeSet<&str> = listening.collect();
    // One that takes its work itself needs no port.
    let working = platform.queues.values().filter_map(|q| q.deliver.service.as_ref()).map(ServiceName::as_str);
    let routed: BTreeSet<&str> = listening.iter().copied().chain(working).collect();
    addresses::check(platform, &mut cx);
    for (name, service) in &platform.services {
        let routed = routed.contains(name.as_str());
        services::check(name, service, listening.contains(name.as_str()), &mut cx);
        if let Some(autoscaling) = &service.autoscaling {
            autoscaling::check(platform, (name, service), autoscaling, routed, &mut cx);
        }
    }
    routes::check(platform, &routed, &mut cx);
    objectives::check(platform, &mut cx);
    capacity::check(platform, &mut cx);
    queues::check(platform, &mut cx);
    schedules::check(platform, &mut cx);
    offload::check(platform, &mut cx);
}

/// Where problems go, and what is known about places.
pub(crate) struct Cx<'a> {
    checked: &'a Checked,
    /// What was left out, in order, so that looking below a path is quick.
    broken: BTreeSet<&'a str>,
    /// Names of services in the file, good or not.
    services: BTreeSet<&'a str>,
    sink: &'a mut Sink,
}

impl Cx<'_> {
    /// Reports at a field; at the nearest field above it when it is not in the file.
    fn report(&mut self, code: &'static str, path: &str, text: Text) {
        let text = text.hiding(&self.checked.from_env);
        let mut at = path;
        loop {
            if let Some(place) = self.checked.places.get(at) {
                let (shown, span) = (place.shown.clone(), place.span);
                return self.sink.add(code, &shown, span, text);
            }
            match at.rfind(['.', '[']) {
                Some(end) => at = &at[..end],
                None => break,
            }
        }
        let span = crate::Span { line: 1, column: 1, ..crate::Span::default() };
        self.sink.add(code, path, span, text);
    }

    /// Whether something at or below this path was left out because of another problem.
    fn broken(&self, path: &str) -> bool {
        let below = |mark: char| {
            let prefix = format!("{path}{mark}");
            self.broken.range(prefix.as_str()..).next().is_some_and(|b| b.starts_with(&prefix))
        };
        self.broken.contains(path) || below('.') || below('[')
    }

    /// Whether an error was reported at or below this path.
    fn has_errors(&self, path: &str) -> bool {
        let below = |shown: &str| shown.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.sink.problems.iter().any(|problem| problem.is_error() && below(&problem.path))
    }

    /// Whether the file has this field at all, good or not.
    fn present(&self, path: &str) -> bool {
        self.checked.places.contains_key(path)
    }

    /// The path as the user counts it.
    fn shown<'b>(&'b self, path: &'b str) -> &'b str {
        self.checked.places.get(path).map_or(path, |p| &p.shown)
    }

    /// Whether the field is a single value.
    fn is_scalar(&self, path: &str) -> bool {
        self.checked.places.get(path).is_some_and(|p| p.scalar)
    }

    /// Whether a part of the value came from the environment; then no part of it is shown.
    fn is_from_env(&self, path: &str) -> bool {
        self.checked.places.get(path).is_some_and(|place| place.from_env)
    }

    /// Reports a name that should be a service's.
    fn missing_service(&mut self, code: &'static str, path: &str, name: &str) {
        if self.services.contains(name) || self.broken_services() {
            return;
        }
        if self.is_from_env(path) {
            let text = Text::new("there is no service of this name")
                .fix(format!("the services are {}", crate::suggest::list(self.services.iter().copied())));
            return self.report(code, path, text);
        }
        let help = match crate::suggest::nearest(name, self.services.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the services are {}", crate::suggest::list(self.services.iter().copied())),
        };
        self.report(code, path, Text::new(format!("there is no service `{name}`")).fix(help));
    }

    /// Whether the section itself could not be read.
    fn broken_services(&self) -> bool {
        self.broken.contains("services") || !self.present("services")
    }
}
