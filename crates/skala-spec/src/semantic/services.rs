//! Checks of one service.

use std::fmt::Display;
use std::time::Duration;

use skala_types::ServiceName;

use super::Cx;
use crate::model::{HttpGet, Readiness, Service};
use crate::problem::Text;
use crate::suggest::list;

/// Words that only a shell understands.
const SHELL: [&str; 10] = ["&&", "||", "|", ";", ">", ">>", "<", "2>&1", "&", "$("];

pub(super) fn check(name: &ServiceName, service: &Service, listens: bool, cx: &mut Cx<'_>) {
    let at = format!("services.{name}");
    work(&at, service, cx);
    scale(&at, service, cx);
    resources(&at, service, cx);
    readiness(&at, service, cx);
    limits(&at, service, cx);
    environment(&at, service, cx);
    if listens {
        port(&at, service, cx);
    }
}

fn work(at: &str, service: &Service, cx: &mut Cx<'_>) {
    let given: Vec<&str> =
        ["command", "image", "upstreams"].into_iter().filter(|key| cx.present(&format!("{at}.{key}"))).collect();
    match given[..] {
        [] if ["command", "image", "upstreams"].iter().any(|key| cx.broken(&format!("{at}.{key}"))) => {}
        [] => {
            let text = Text::new("this service has nothing to run")
                .fix("add `command:`, or `upstreams:` for servers run by somebody else");
            cx.report("E0401", at, text);
        }
        [_] => {}
        _ => {
            let text = Text::new(format!("this service has {}", list(given.iter().copied())))
                .fix("keep one of them; an overlay removes the other with `null`");
            cx.report("E0402", at, text);
        }
    }
    if service.image.is_some() {
        let text = Text::new("`image` needs Docker or Kubernetes")
            .because("not in this release")
            .fix("use `command:` to run it as a process of this machine");
        cx.report("E0403", &format!("{at}.image"), text);
    }
    let path = format!("{at}.command");
    if let Some(command) = service.command.as_ref().filter(|_| cx.is_scalar(&path)) {
        let in_word = |mark: &&str, word: &String| word == mark || *mark == "$(" && word.contains(mark);
        if let Some(word) = SHELL.iter().find(|mark| command.words().iter().any(|word| in_word(mark, word))) {
            let text = Text::new(format!("`{word}` has no meaning here"))
                .because("the line is split into words, and no shell reads it")
                .fix("write `[sh, -c, \"...\"]` when a shell is needed, with `exec` before the program");
            cx.report("W0403", &path, text);
        }
    }
    if service.command.as_ref().is_some_and(|c| c.program().is_empty()) {
        cx.report("E0414", &path, Text::new("the program's name is empty"));
    }
}

fn scale(at: &str, service: &Service, cx: &mut Cx<'_>) {
    let given = |key: &str| cx.present(&format!("{at}.{key}"));
    let (fixed, auto) = (given("replicas"), given("autoscaling"));
    if service.upstreams.is_some() && (fixed || auto) {
        let key = if auto { "autoscaling" } else { "replicas" };
        let text = Text::new(format!("`{key}` does not go with `upstreams`"))
            .because("their servers are run by somebody else")
            .fix(format!("remove `{key}`, or run the service with `command:`"));
        cx.report("E0404", &format!("{at}.{key}"), text);
    } else if fixed && auto {
        let text = Text::new("`replicas` and `autoscaling` are both given")
            .fix("keep one of them; an overlay removes the other with `null`");
        cx.report("E0405", &format!("{at}.replicas"), text);
    }
}

fn resources(at: &str, service: &Service, cx: &mut Cx<'_>) {
    let (requests, limits) = (&service.resources.requests, &service.resources.limits);
    let mut below = |key: &str, request: Option<&dyn Display>, limit: Option<&dyn Display>, less: bool| {
        if let (Some(request), Some(limit), true) = (request, limit, less) {
            let text = Text::new(format!("the limit of {limit} is below the request of {request}"))
                .fix(format!("raise the limit to {request} or more"));
            cx.report("E0406", &format!("{at}.resources.limits.{key}"), text);
        }
    };
    below("cpu", requests.cpu.as_ref().map(|c| c as _), limits.cpu.as_ref().map(|c| c as _), limits.cpu < requests.cpu);
    below(
        "memory",
        requests.memory.as_ref().map(|m| m as _),
        limits.memory.as_ref().map(|m| m as _),
        limits.memory < requests.memory,
    );
}

fn readiness(at: &str, service: &Service, cx: &mut Cx<'_>) {
    let Readiness { http_get, log_line, period, timeout, start_timeout, .. } = &service.readiness;
    let at = format!("{at}.readiness");
    let given: Vec<&str> =
        ["httpGet", "tcpSocket", "logLine"].into_iter().filter(|key| cx.present(&format!("{at}.{key}"))).collect();
    if given.len() > 1 {
        cx.report("E0407", &at, Text::new(format!("readiness has {}", list(given.iter().copied()))).fix("keep one of them"));
    }
    let path = match http_get {
        Some(HttpGet::Path(path)) => Some((format!("{at}.httpGet"), path)),
        Some(HttpGet::Action(action)) => Some((format!("{at}.httpGet.path"), &action.path)),
        None => None,
    };
    if let Some((field, path)) = path.filter(|(_, path)| !path.starts_with('/')) {
        let fix =
            if path.contains("://") { "write the path alone, such as `/health`" } else { "start it with `/`, such as `/health`" };
        cx.report("E0408", &field, Text::new("the path has no leading slash").fix(fix));
    }
    if log_line.is_some() && service.upstreams.is_some() {
        let text = Text::new("the output of somebody else's server is not here to read").fix("use `httpGet` or `tcpSocket`");
        cx.report("E0409", &format!("{at}.logLine"), text);
    }
    if period.get() < Duration::from_millis(100) {
        cx.report("E0410", &format!("{at}.period"), Text::new("the period is too short").fix("use `100ms` or more"));
    }
    for (key, value) in [("timeout", timeout), ("startTimeout", start_timeout)] {
        if value.get().is_zero() {
            cx.report(
                "E0410",
                &format!("{at}.{key}"),
                Text::new(format!("a `{key}` of zero can never be met")).fix("use `1s` or more"),
            );
        }
    }
}

fn limits(at: &str, service: &Service, cx: &mut Cx<'_>) {
    if service.drain.get().is_zero() {
        let text = Text::new("requests that a replica works on are cut when it stops")
            .because("`drain` is zero")
            .fix("use the length of the longest request");
        cx.report("W0401", &format!("{at}.drain"), text);
    }
    if service.restart.initial > service.restart.max {
        let text = Text::new(format!("the first pause is longer than the longest, {}", service.restart.max))
            .fix("raise `max` or lower `initial`");
        cx.report("E0412", &format!("{at}.restart.initial"), text);
    }
    if service.logs.max_size.bytes() < 4096 {
        cx.report(
            "E0413",
            &format!("{at}.logs.maxSize"),
            Text::new("a log file this small cannot hold a line").fix("use `4Ki` or more"),
        );
    }
}

fn environment(at: &str, service: &Service, cx: &mut Cx<'_>) {
    for (name, value) in &service.env {
        let path = format!("{at}.env.{name}");
        if name.is_empty() || name.contains(['=', '\0']) {
            cx.report("E0411", &path, Text::new("this is not a variable's name").fix("use letters, digits and underscores"));
        } else if value.expose().contains('\0') {
            cx.report("E0411", &path, Text::new("the value contains a zero byte"));
        } else if name == "PORT" {
            let text =
                Text::new("skala sets PORT for each replica").because("two replicas cannot listen on one port").fix("remove it");
            cx.report("E0415", &path, text);
        }
    }
}

/// A replica that gets requests must listen where they are sent.
fn port(at: &str, service: &Service, cx: &mut Cx<'_>) {
    if service.command.as_ref().is_some_and(|command| !command.names_port()) {
        let text = Text::new("the command does not mention $PORT")
            .because("each replica must listen on its own port; this is fine if the program reads the PORT variable")
            .fix("add it, such as `--bind 127.0.0.1:$PORT`");
        cx.report("W0402", &format!("{at}.command"), text);
    }
}
