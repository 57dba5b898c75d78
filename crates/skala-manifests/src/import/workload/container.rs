//! One container as a replica: program, environment, resources, ports.
//!
//! Decides: which values are known, and which become variables of the environment.
//! Method: `$(NAME)` is filled in as Kubernetes does. The port of the manifest gives way to `$PORT`, because replicas share a machine.
//! Invariants: no value of a Secret or ConfigMap is in the output.
//! Tested: `tests` below; `tests/it/import/workload.rs`.

use serde_json::{Map, Value};

use super::super::draft::Pod;
use super::super::fields::{Fields, quoted};
use super::super::note::Notes;
use super::super::text::{literal, variable};
use super::super::variables::Variables;
use super::super::vpa::amounts;
use super::{BY_HAND, PROCESS, probe};
use crate::Quantity;

/// Longest text that is filled in, in bytes: variables that name variables grow quickly.
const LONGEST: usize = 8 * 1024;

pub(super) fn read(mut fields: Fields<'_>, variables: &mut Variables, notes: &mut Notes) -> Pod {
    let mut pod = Pod { container: fields.text("name", notes).unwrap_or_default().to_owned(), ..Pod::default() };
    (pod.field, pod.line) = (fields.path.clone(), fields.line_of("image"));
    pod.image = fields.text("image", notes).map(str::to_owned);
    ports(&mut fields, &mut pod, notes);
    environment(&mut fields, &mut pod, variables, notes);
    pod.command = words(&mut fields, "command", &pod, notes);
    pod.args = words(&mut fields, "args", &pod, notes);
    pod.working_dir = fields.text("workingDir", notes).map(literal);
    pod.resources = resources(&mut fields, notes);
    pod.readiness = probe::readiness(&mut fields, &pod.ports, notes);
    fields.refuse(&["lifecycle"], "nothing is called around the life of a replica", "let the program do it on SIGTERM", notes);
    fields.ignore(&["imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy"]);
    let rest: Vec<&str> = fields.unread().map(|e| e.key.as_str()).collect();
    fields.refuse(&rest, PROCESS, BY_HAND, notes);
    pod
}

fn ports(fields: &mut Fields<'_>, pod: &mut Pod, notes: &mut Notes) {
    let path = fields.at("ports");
    for (i, node) in fields.list("ports", notes).iter().enumerate() {
        let mut port = Fields::new(fields.origin, node, format!("{path}[{i}]"), notes);
        let number = port.int("containerPort", notes).and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0);
        let name = port.text("name", notes).unwrap_or_default().to_owned();
        match number {
            Some(number) => pod.ports.push((name, number)),
            None => port.note("containerPort", "this is not a port", "it is left out; correct it", notes),
        }
        if i > 0 {
            let help = "requests go to the first one; serve the other there too, or choose its number from the environment";
            port.note("containerPort", "a replica has one port", help, notes);
        }
        if port.text("protocol", notes).is_some_and(|p| p != "TCP") {
            port.note("protocol", "replicas are reached by TCP", BY_HAND, notes);
        }
        port.refuse(&["hostPort", "hostIP"], "the gateway is what is reached from outside", "see `gateway.listen`", notes);
        port.finish(notes);
    }
}

fn environment(fields: &mut Fields<'_>, pod: &mut Pod, variables: &mut Variables, notes: &mut Notes) {
    fields.refuse(
        &["envFrom"],
        "values of Secrets and ConfigMaps are not copied, and their names are not in the manifest",
        "add each under `env`, from `\"${VARIABLE}\"` or `{file: path}`",
        notes,
    );
    let path = fields.at("env");
    for (i, node) in fields.list("env", notes).iter().enumerate() {
        let mut entry = Fields::new(fields.origin, node, format!("{path}[{i}]"), notes);
        let Some(name) = entry.text("name", notes).filter(|n| !n.is_empty() && !n.contains(['=', '\0'])) else {
            entry.note("name", "this is not a variable's name", "it is left out; correct it", notes);
            continue;
        };
        if let Some(from) = entry.map("valueFrom", notes) {
            if let Some(value) = value_from(name, from, variables, notes) {
                pod.env.insert(name.to_owned(), value);
            }
        } else {
            let value = entry.text("value", notes).unwrap_or_default();
            if name == "PORT" {
                let own = pod.ports.first().is_none_or(|(_, port)| value == port.to_string());
                if !own {
                    entry.note("value", "skala sets PORT for each replica", "let the program listen on $PORT", notes);
                }
                pod.plain.push((name.to_owned(), value.to_owned()));
                continue;
            }
            let (text, open) = fill(value, pod);
            if let Some(open) = open {
                entry.note("value", format!("{} is not known here", quoted(&open)), "write the value", notes);
            }
            if text.contains('\0') {
                entry.note("value", "this value has a zero byte in it", "it is left out; correct it", notes);
                continue;
            }
            pod.plain.push((name.to_owned(), value.to_owned()));
            pod.env.insert(name.to_owned(), text);
        }
        entry.finish(notes);
    }
}

fn value_from(name: &str, mut from: Fields<'_>, variables: &mut Variables, notes: &mut Notes) -> Option<String> {
    for (kind, word) in [("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")] {
        let Some(mut of) = from.map(kind, notes) else { continue };
        let (object, key) = (of.text("name", notes).unwrap_or_default(), of.text("key", notes).unwrap_or_default());
        let secret = (kind == "secretKeyRef").then_some((object, key));
        let found = variables.name(name, secret, "x");
        let reason = format!("the value stands in key {} of {word} {}", quoted(key), quoted(object));
        from.note(kind, reason, format!("set {found} in the environment of skala"), notes);
        return Some(variable(&found));
    }
    let rest: Vec<&str> = from.unread().map(|e| e.key.as_str()).collect();
    from.refuse(&rest, "this is a fact of a pod, and there is none", "write a value, or leave the variable out", notes);
    None
}

fn words(fields: &mut Fields<'_>, key: &str, pod: &Pod, notes: &mut Notes) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for node in fields.list(key, notes) {
        let Some(word) = node.text() else { continue };
        let (word, open) = fill(word, pod);
        if let Some(open) = open {
            fields.note(key, format!("{} is not known here", quoted(&open)), "write the value", notes);
        }
        let before = out.last().map_or("", String::as_str);
        let word = pod.ports.first().map_or(word.clone(), |(_, port)| with_port(&word, before, &port.to_string()));
        out.push(word);
    }
    out
}

/// A text with every `$(NAME)` filled in, escaped for the platform file; and the first name that is not known.
fn fill(text: &str, pod: &Pod) -> (String, Option<String>) {
    let (mut out, mut rest, mut open) = (String::new(), text, None);
    while let Some(at) = rest.find("$(") {
        let (before, tail) = rest.split_at(at);
        let end = tail.find(')');
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(&literal(escaped));
            out.push_str("$(");
            rest = &tail[2..];
            continue;
        }
        out.push_str(&literal(before));
        let Some(end) = end else {
            rest = tail;
            break;
        };
        let name = &tail[2..end];
        rest = &tail[end + 1..];
        match pod.env.get(name) {
            _ if name == "PORT" => out.push_str("${PORT}"),
            Some(value) if out.len() + value.len() <= LONGEST => out.push_str(value),
            _ => {
                open.get_or_insert_with(|| format!("$({name})"));
                out.push_str(&tail[..=end]);
            }
        }
    }
    out.push_str(&literal(rest));
    (out, open)
}

/// `127.0.0.1:8000`, `--port=8000`, or `8000` after `--port`: with `$PORT` for the number.
fn with_port(word: &str, before: &str, port: &str) -> String {
    let before = before.to_ascii_lowercase();
    if word == port && (before.contains("port") || before == "-p") {
        return "$PORT".to_owned();
    }
    let named = word.to_ascii_lowercase().contains("port");
    let (mut out, mut rest) = (String::new(), word);
    while let Some(at) = rest.find(port) {
        let (head, tail) = rest.split_at(at);
        let after = &tail[port.len()..];
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        out.push_str(head);
        let last = out.chars().next_back();
        let whole = !digit(last) && !digit(after.chars().next()) && last != Some('.') && !after.starts_with('.');
        if whole && (last == Some(':') || named) {
            let joined = after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            out.push_str(if joined { "${PORT}" } else { "$PORT" });
        } else {
            out.push_str(port);
        }
        rest = after;
    }
    out + rest
}

fn resources(fields: &mut Fields<'_>, notes: &mut Notes) -> Map<String, Value> {
    let mut out = Map::new();
    let Some(mut resources) = fields.map("resources", notes) else { return out };
    let mut requests = amounts(&mut resources, "requests", notes);
    let mut limits = amounts(&mut resources, "limits", notes);
    for key in ["cpu", "memory"] {
        let milli = |of: &Map<String, Value>| of.get(key)?.as_str()?.parse::<Quantity>().ok()?.milli().ok();
        match (milli(&requests), milli(&limits)) {
            // The API server asks for as much as the limit where nothing else is said.
            (None, Some(_)) => drop(requests.insert(key.to_owned(), limits[key].clone())),
            (Some(request), Some(limit)) if limit < request => {
                limits.remove(key);
                resources.note("limits", format!("the limit of {key} is below the request"), "it is left out; correct it", notes);
            }
            _ => {}
        }
    }
    resources.ignore(&["claims"]);
    resources.finish(notes);
    for (key, list) in [("requests", requests), ("limits", limits)] {
        if !list.is_empty() {
            out.insert(key.to_owned(), list.into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_the_manifest_gives_way() {
        let rows = [
            ("8000", "--port", "$PORT"),
            ("8000", "--workers", "8000"),
            ("0.0.0.0:8000", "--bind", "0.0.0.0:$PORT"),
            ("--port=8000", "", "--port=$PORT"),
            ("exec serve --port 8000 --limit 80000", "-c", "exec serve --port $PORT --limit 80000"),
            ("a:8000x", "", "a:${PORT}x"),
            ("1.8000:18000", "", "1.8000:18000"),
        ];
        for (word, before, expected) in rows {
            assert_eq!(with_port(word, before, "8000"), expected, "{word}");
        }
    }

    #[test]
    fn references_are_filled_in() {
        let env = [("A", "x"), ("S", "${S}")].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        let pod = Pod { env, ..Pod::default() };
        let rows = [
            ("a $(A) $(S)", "a x ${S}", None),
            ("$$(A) ${A}", "$(A) $${A}", None),
            ("$(PORT)0", "${PORT}0", None),
            ("$(B) $(A", "$(B) $(A", Some("$(B)")),
        ];
        for (text, expected, open) in rows {
            assert_eq!(fill(text, &pod), (expected.to_owned(), open.map(str::to_owned)), "{text}");
        }
    }
}
