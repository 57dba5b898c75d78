//! Checks of services that work on queues: how they stop, and what their Celery commands say.
//!
//! Method: a command is read as Celery's own line: a word that ends with `celery`, then `worker` or `beat` somewhere behind it.

use std::collections::BTreeSet;

use skala_types::ServiceName;

use super::Cx;
use crate::model::{Platform, Queue, Scale, Service, Way};
use crate::problem::Text;
use crate::scalar::Dur;
use crate::suggest::list;

pub(super) fn check(platform: &Platform, cx: &mut Cx<'_>) {
    for (name, service) in &platform.services {
        let queues: Vec<(&String, &Queue)> =
            platform.queues.iter().filter(|(_, queue)| queue.deliver.service.as_ref() == Some(name)).collect();
        drain(name, service, &queues, cx);
        let words = service.command.as_ref().map_or(&[][..], |command| command.words());
        if let Some(rest) = celery_line(words) {
            beats(name, service, rest, cx);
            named_worker(name, service, rest, cx);
            named(platform, name, rest, &queues, cx);
        }
    }
}

/// What a replica works on when it stops is cut after `drain`.
fn drain(name: &ServiceName, service: &Service, queues: &[(&String, &Queue)], cx: &mut Cx<'_>) {
    let longest = queues.iter().max_by_key(|(_, queue)| queue.timeout);
    if let Some((queue, settings)) = longest.filter(|(_, queue)| queue.timeout > service.drain) {
        let longest: Dur = settings.timeout;
        let text = Text::new(format!("tasks of `{queue}` may take {longest}, and a replica that stops has {}", service.drain))
            .because("what runs longer is cut, and done again by another replica")
            .fix(format!("use `drain: {longest}`, or lower the queue's `timeout`"));
        cx.report("W0807", &format!("services.{name}.drain"), text);
    }
}

/// The words behind the program `celery`, however it is called.
fn celery_line(words: &[String]) -> Option<&[String]> {
    let program = |word: &String| word == "celery" || word.ends_with("/celery");
    words.iter().position(program).map(|at| &words[at + 1..])
}

/// Two beats make every task twice.
fn beats(name: &ServiceName, service: &Service, rest: &[String], cx: &mut Cx<'_>) {
    let inside = |word: &String| word == "-B" || word == "--beat";
    if !rest.iter().any(|word| word == "beat" || inside(word)) {
        return;
    }
    let (key, most) = match service.scale() {
        Scale::Auto(scaling) => ("autoscaling.maxReplicas", scaling.max_replicas),
        Scale::Fixed(replicas) => ("replicas", replicas),
        Scale::External => return,
    };
    if most > 1 {
        let text = Text::new(format!("{most} beats make every task {most} times")).because("Celery's beat has no lock");
        let fix = if rest.iter().any(inside) {
            "give beat a service of its own with `replicas: 1`, or use `schedules:`"
        } else {
            "use `replicas: 1`, or `schedules:` instead of beat"
        };
        cx.report("W0808", &format!("services.{name}.{key}"), text.fix(fix));
    }
}

/// Workers of one name: Celery's remote control cannot tell them apart.
fn named_worker(name: &ServiceName, service: &Service, rest: &[String], cx: &mut Cx<'_>) {
    let is_worker = rest.iter().any(|word| word == "worker");
    let several = match service.scale() {
        Scale::Auto(scaling) => scaling.max_replicas > 1,
        Scale::Fixed(replicas) => replicas > 1,
        Scale::External => false,
    };
    let own = worker_name(rest).is_some_and(|given| given.contains("$PORT") || given.contains("${PORT}"));
    if is_worker && several && !own {
        let text = Text::new("all replicas of this worker have one name on a machine")
            .because("Celery's orders, such as to take no more before it ends, would reach each of them")
            .fix(format!("add `-n, \"{name}-$PORT@%h\"` to the command"));
        cx.report("W0813", &format!("services.{name}.command"), text);
    }
}

/// What is behind `-n` or `--hostname`.
fn worker_name(rest: &[String]) -> Option<&str> {
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-n" | "--hostname" => return words.next().map(String::as_str),
            word => {
                let joined = word.strip_prefix("--hostname=").or_else(|| word.strip_prefix("-n").filter(|n| !n.is_empty()));
                if joined.is_some() {
                    return joined;
                }
            }
        }
    }
    None
}

/// Whether a service is Celery's beat, which nobody calls.
pub(in crate::semantic) fn is_beat(service: &Service) -> bool {
    let words = service.command.as_ref().map_or(&[][..], |command| command.words());
    celery_line(words).is_some_and(|rest| rest.iter().any(|word| word == "beat"))
}

/// Queues of a worker that skala was not told of.
fn named(platform: &Platform, name: &ServiceName, rest: &[String], queues: &[(&String, &Queue)], cx: &mut Cx<'_>) {
    if !rest.iter().any(|word| word == "worker") || cx.broken("queues") {
        return;
    }
    let of_celery = |(queue, settings): &(&String, &Queue)| match settings.deliver.way() {
        Some(Way::Celery(_, celery)) => Some(celery.queue.clone().unwrap_or_else(|| (*queue).clone())),
        _ => None,
    };
    let known: BTreeSet<String> = queues.iter().filter_map(of_celery).collect();
    let all = consumed(rest);
    let missing: Vec<&str> = all.iter().map(String::as_str).filter(|queue| !known.contains(*queue)).collect();
    // Without `-Q` the app says which queues there are; one that is named will do.
    let Some(first) = missing.first().filter(|_| has_list(rest) || known.is_empty()) else { return };
    let text = Text::new(format!("skala does not see what waits in {} of Celery", list(missing.iter().copied())))
        .because("no entry of `queues:` names it, so this service neither scales by it nor shows it");
    let key = if platform.queues.contains_key(*first) { "NAME" } else { first };
    let fix =
        format!("add `queues: {{{key}: {{deliver: {{service: {name}, celery: {{broker: \"${{CELERY_BROKER_URL}}\"}}}}}}}}`");
    cx.report("W0809", &format!("services.{name}.command"), text.fix(fix));
}

fn has_list(rest: &[String]) -> bool {
    rest.iter().any(|word| word == "-Q" || word.starts_with("--queues") || (word.starts_with("-Q") && word.len() > 2))
}

/// The queues after `-Q` or `--queues`; Celery's own default without them.
fn consumed(rest: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        let names = match word.as_str() {
            "-Q" | "--queues" => words.next().cloned(),
            word => word.strip_prefix("--queues=").or_else(|| word.strip_prefix("-Q")).map(str::to_owned),
        };
        found.extend(names.iter().flat_map(|n| n.split(',')).map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned));
    }
    if found.is_empty() && !has_list(rest) { vec!["celery".to_owned()] } else { found }
}
