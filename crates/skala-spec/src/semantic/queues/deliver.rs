//! Checks of `deliver`: that it is one way, and that the way is there.

use super::Cx;
use crate::model::{Platform, Queue, Scale};
use crate::problem::Text;

pub(super) fn check(platform: &Platform, queue: &Queue, at: &str, cx: &mut Cx<'_>) {
    let here = format!("{at}.deliver");
    one_way(&here, queue.deliver.celery.as_ref().is_some_and(|celery| celery.consume), cx);
    if let Some(service) = &queue.deliver.service {
        let path = format!("{here}.service");
        cx.missing_service("E0801", &path, service.as_str());
        if platform.services.get(service).is_some_and(|s| s.scale() == Scale::External) {
            let text = Text::new(format!("the servers of `{service}` are run by somebody else"))
                .because("skala does not know how many there are to work on tasks")
                .fix("deliver to a service that skala runs");
            cx.report("E0802", &path, text);
        }
    }
    if queue.deliver.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
        let text = Text::new("the path has no leading slash").fix("start it with `/`, such as `/tasks/ingest`");
        cx.report("E0802", &format!("{here}.path"), text);
    }
    if queue.deliver.command.is_some() {
        command(queue, at, cx);
    }
    places(platform, queue, at, cx);
}

/// A service (with a path, or with a broker), or a command.
fn one_way(here: &str, consume: bool, cx: &mut Cx<'_>) {
    let given = |key: &str| cx.present(&format!("{here}.{key}"));
    let [service, path, command, celery] = ["service", "path", "command", "celery"].map(given);
    let text = match (service, command) {
        (false, false) if path || celery => {
            let key = if celery { "celery" } else { "path" };
            Some(("", Text::new(format!("`{key}` needs the service whose replicas work on the tasks")).fix("add `service:`")))
        }
        (false, false) => Some((
            "",
            Text::new("nobody works on the tasks of this queue")
                .fix("add `service: NAME`, with `path: /...` to push them; or `command: [program, argument]`"),
        )),
        (_, true) if service || path || celery => {
            let key = if service {
                "service"
            } else if path {
                "path"
            } else {
                "celery"
            };
            Some((key, Text::new(format!("`{key}` does not go with `command`")).fix("keep one of them")))
        }
        (true, false) if path && celery && !consume => Some((
            "path",
            Text::new("`path` does not go with `celery`")
                .because("Celery's workers take their tasks from the broker")
                .fix("remove it, or add `consume: true` to `celery` to have skala take the tasks and push them"),
        )),
        (true, false) if !path && consume => Some((
            "celery.consume",
            Text::new("tasks that skala takes from the broker need a path to be pushed to")
                .fix("add `path: /tasks`, or remove it"),
        )),
        _ => None,
    };
    if let Some((key, text)) = text {
        let path = if key.is_empty() { here.to_owned() } else { format!("{here}.{key}") };
        cx.report("E0804", &path, text);
    }
}

/// A command has no replicas to count by.
fn command(queue: &Queue, at: &str, cx: &mut Cx<'_>) {
    for key in ["concurrencyPerReplica", "tasksPerReplica"] {
        let path = format!("{at}.{key}");
        if cx.present(&path) {
            let text = Text::new("a command has no replicas").fix("use `concurrency:`, the processes that run at once");
            cx.report("E0804", &path, text);
        }
    }
    if queue.concurrency.is_none() && !cx.broken(&format!("{at}.concurrency")) {
        let text = Text::new("nothing bounds how many processes run at once")
            .because("a full queue would start one for every task")
            .fix("add `concurrency: 4` to the queue, such as the number of cores");
        cx.report("E0804", &format!("{at}.deliver.command"), text);
    }
    if queue.deliver.command.as_ref().is_some_and(|c| c.program().is_empty()) {
        cx.report("E0804", &format!("{at}.deliver.command"), Text::new("the program's name is empty"));
    }
}

/// Pushed tasks and requests share the places of a replica.
fn places(platform: &Platform, queue: &Queue, at: &str, cx: &mut Cx<'_>) {
    let Some((name, _)) = queue.deliver.pushes_to() else { return };
    let places = platform.services.get(name).and_then(|service| service.concurrency);
    if let Some(places) = places.filter(|places| *places < queue.concurrency_per_replica) {
        let text = Text::new(format!("a replica of `{name}` works on {places} at once"))
            .because(format!("the rest of {} tasks would wait for a place there", queue.concurrency_per_replica))
            .fix(format!("use {places} or less, or raise `concurrency` of the service"));
        cx.report("W0803", &format!("{at}.concurrencyPerReplica"), text);
    }
}
