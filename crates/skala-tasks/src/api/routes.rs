//! Which path and method is which call.

use std::borrow::Cow;

use hyper::Method;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Enqueue,
    Batch,
    Flow,
    Take,
    Extend,
    Ack,
    Nack,
    Effect,
    List,
    Show,
    Events,
    Cancel,
    Retry,
    Why,
    Queues,
    Queue,
    Pause,
    Resume,
    Purge,
    Schedules,
    Schedule,
    History,
    RunSchedule,
    PauseSchedule,
    ResumeSchedule,
    Health,
    Metrics,
    OpenApi,
}

/// Method, path with at most one `{name}`, call; those that come most often first.
pub(crate) const ROUTES: &[(Method, &str, Call)] = &[
    (Method::POST, "/v1/queues/{queue}/tasks", Call::Enqueue),
    (Method::POST, "/v1/queues/{queue}/tasks:batch", Call::Batch),
    (Method::POST, "/v1/leases", Call::Take),
    (Method::POST, "/v1/leases/ack", Call::Ack),
    (Method::POST, "/v1/leases/extend", Call::Extend),
    (Method::POST, "/v1/leases/progress", Call::Extend),
    (Method::POST, "/v1/leases/nack", Call::Nack),
    (Method::POST, "/v1/effects", Call::Effect),
    (Method::GET, "/v1/tasks/{id}", Call::Show),
    (Method::DELETE, "/v1/tasks/{id}", Call::Cancel),
    (Method::GET, "/v1/tasks/{id}/events", Call::Events),
    (Method::POST, "/v1/tasks/{id}/retry", Call::Retry),
    (Method::GET, "/v1/tasks/{id}/why", Call::Why),
    (Method::GET, "/v1/tasks", Call::List),
    (Method::POST, "/v1/flows", Call::Flow),
    (Method::GET, "/v1/queues", Call::Queues),
    (Method::GET, "/v1/queues/{queue}", Call::Queue),
    (Method::POST, "/v1/queues/{queue}/pause", Call::Pause),
    (Method::POST, "/v1/queues/{queue}/resume", Call::Resume),
    (Method::POST, "/v1/queues/{queue}/purge", Call::Purge),
    (Method::GET, "/v1/schedules", Call::Schedules),
    (Method::GET, "/v1/schedules/{schedule}", Call::Schedule),
    (Method::GET, "/v1/schedules/{schedule}/history", Call::History),
    (Method::POST, "/v1/schedules/{schedule}/run", Call::RunSchedule),
    (Method::POST, "/v1/schedules/{schedule}/pause", Call::PauseSchedule),
    (Method::POST, "/v1/schedules/{schedule}/resume", Call::ResumeSchedule),
    (Method::GET, "/v1/health", Call::Health),
    (Method::GET, "/metrics", Call::Metrics),
    (Method::GET, "/v1/openapi.json", Call::OpenApi),
];

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'p> {
    /// This, with the path's one variable part; empty when it has none.
    Call(Call, &'p str),
    /// The path exists, for other methods.
    Methods(Vec<&'static str>),
    /// There is no such path.
    Nothing,
}

/// A path without its percent encoding; `None` when it cannot be one of ours: `%2F` is no separator, and names have no slash.
pub(crate) fn plain(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(path.into());
    }
    let decoded = decode(path, false)?;
    (decoded.matches('/').count() == path.matches('/').count()).then_some(decoded)
}

/// Text without its percent encoding; a form's plus signs are spaces.
pub(crate) fn decode(text: &str, is_form: bool) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(text.into());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' if is_form => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok().map(Cow::from)
}

/// Finds the call of a request.
pub(crate) fn find<'p>(method: &Method, path: &'p str) -> Found<'p> {
    let mut others = Vec::new();
    for (allowed, template, call) in ROUTES {
        let Some(part) = matches(template, path) else { continue };
        if allowed == method {
            return Found::Call(*call, part);
        }
        others.push(allowed.as_str());
    }
    if others.is_empty() { Found::Nothing } else { Found::Methods(others) }
}

/// The variable part of a path that fits.
fn matches<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let Some((before, rest)) = template.split_once('{') else { return (template == path).then_some("") };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let part = path.strip_prefix(before)?.strip_suffix(after)?;
    (!part.is_empty() && !part.contains('/')).then_some(part)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_path_leads_to_its_call() {
        assert_eq!(find(&Method::POST, "/v1/queues/mail/tasks"), Found::Call(Call::Enqueue, "mail"));
        assert_eq!(find(&Method::POST, "/v1/queues/mail/tasks:batch"), Found::Call(Call::Batch, "mail"));
        assert_eq!(find(&Method::GET, "/v1/tasks/01hm5k2v7q8r0"), Found::Call(Call::Show, "01hm5k2v7q8r0"));
        assert_eq!(find(&Method::GET, "/v1/tasks/01hm5k2v7q8r0/events"), Found::Call(Call::Events, "01hm5k2v7q8r0"));
        assert_eq!(find(&Method::PUT, "/v1/tasks/01hm5k2v7q8r0"), Found::Methods(vec!["GET", "DELETE"]));
        for nothing in ["/", "/v1/tasks/", "/v1/tasks/a/b", "/v1/queues//tasks", "/v1/leases/", "/v2/tasks"] {
            assert_eq!(find(&Method::GET, nothing), Found::Nothing, "{nothing}");
        }
    }

    #[test]
    fn text_is_decoded_and_what_is_no_text_refused() {
        assert_eq!(decode("a%20b+c", true).as_deref(), Some("a b c"));
        assert_eq!(decode("a%20b+c", false).as_deref(), Some("a b+c"));
        assert_eq!(decode("plain", true).as_deref(), Some("plain"));
        for bad in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decode(bad, true), None, "{bad}");
        }
    }

    #[test]
    fn paths_may_come_in_percent_encoding() {
        assert_eq!(plain("/v1/queues/m%61il/tasks%3Abatch").as_deref(), Some("/v1/queues/mail/tasks:batch"));
        assert_eq!(plain("/v1/queues/%C3%A4/tasks").as_deref(), Some("/v1/queues/ä/tasks"));
        for strange in ["/v1%2Ftasks", "/v1/tasks/a%2fwhy", "/v1/tasks/%", "/v1/tasks/%ff"] {
            assert_eq!(plain(strange), None, "{strange}");
        }
    }

    #[test]
    fn the_openapi_document_names_every_route_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(super::super::calls::OPENAPI).expect("the document is JSON");
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("it has paths") {
            for method in methods.as_object().expect("a path has methods").keys().filter(|k| *k != "parameters") {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let routed: BTreeSet<String> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
        assert_eq!(described, routed);
        let mut missing = Vec::new();
        references(&document, &document, &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }

    /// References of the document to parts that it does not have.
    fn references(all: &serde_json::Value, part: &serde_json::Value, missing: &mut Vec<String>) {
        match part {
            serde_json::Value::Object(fields) => {
                if let Some(to) = fields.get("$ref").and_then(|r| r.as_str())
                    && all.pointer(to.trim_start_matches('#')).is_none()
                {
                    missing.push(to.to_owned());
                }
                fields.values().for_each(|value| references(all, value, missing));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| references(all, item, missing)),
            _ => {}
        }
    }
}
