//! Lists: whole, in pages, and at a revision.
//!
//! Decides: which objects a list holds, at which revision, and where its next page begins.
//! Inputs: `resourceVersion`, `resourceVersionMatch`, `limit`, `continue`, selectors.
//! Method: Kubernetes API concepts, "Semantics for get and list"; pages are cut from a snapshot that the history gives back.
//! Invariants: the pages of one list are of one revision, or the answer is 410.
//! Tested: `tests/kubernetes/server.rs`.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use super::api::State;
use super::convert;
use super::kinds::Kind;
use super::selectors::{Fields, Filter, Labels};
use super::status::{Cause, Status};
use super::store::{Entry, Key};
use super::target::{Query, Target};

/// In which form objects are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Full,
    /// Only `metadata`.
    Partial,
}

/// What a request wants to see.
pub(crate) fn filter(kind: &Kind, target: &Target, query: &Query) -> Result<Filter, Status> {
    let fields = if kind.stored_as.is_some() {
        // Both groups of events select by the core names, or by `regarding.*` in the newer one.
        query.get("fieldSelector").replace("regarding.", "involvedObject.").replace("reportingController", "reportingComponent")
    } else {
        query.get("fieldSelector").to_owned()
    };
    Ok(Filter {
        namespace: target.namespace.clone(),
        labels: Labels::parse(query.get("labelSelector"))?,
        fields: Fields::parse(&fields, &kind.key())?,
    })
}

/// A revision that a client gives.
pub(crate) fn revision(state: &State, text: &str) -> Result<Option<u64>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        let wrong = Cause::invalid("resourceVersion", &json!(text), "must be an unsigned integer");
        Status::invalid("meta.k8s.io", "ListOptions", "", &[wrong])
    };
    let revision: u64 = text.parse().map_err(|_| wrong())?;
    let current = state.store.revision();
    if revision > current {
        let message = format!("Too large resource version: {revision}, current: {current}");
        let mut status = Status { retry_after: Some(1), ..Status::new(504, "Timeout", format!("Timeout: {message}")) };
        status.details =
            Box::new(json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}));
        return Err(status);
    }
    Ok(Some(revision))
}

/// Where a page begins: the revision of its list (0: whatever is there), and the last object of the page before.
fn token(at: u64, last: &Key) -> String {
    let text = json!([at, last.namespace, last.name]).to_string();
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

fn read_token(token: &str) -> Option<(u64, Key)> {
    let bytes: Option<Vec<u8>> =
        token.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let (at, namespace, name): (u64, String, String) = serde_json::from_slice(&bytes?).ok()?;
    Some((at, Key { namespace, name }))
}

/// The answer to a list.
pub(crate) fn list(
    state: &State,
    kind: &Kind,
    version: &str,
    target: &Target,
    query: &Query,
    form: Form,
) -> Result<Bytes, Status> {
    let filter = filter(kind, target, query)?;
    let resource = kind.key();
    let mut limit = match query.get("limit") {
        "" => 0,
        text => text.parse::<usize>().map_err(|_| Status::bad_request(format!("limit {text:?} is not a number")))?,
    };
    let given = revision(state, query.get("resourceVersion"))?;
    let matching = query.get("resourceVersionMatch");
    check_match(given, matching, query)?;
    let (mut at, mut after) = (state.store.revision(), None);
    if query.is_given("continue") {
        let text = query.get("continue");
        let (of, last) = read_token(text).ok_or_else(|| Status::bad_request("continue key is not valid"))?;
        at = if of == 0 { at } else { of };
        after = Some(last);
    } else if let Some(given) = given {
        if matching == "Exact" || (matching.is_empty() && limit > 0 && given > 0) {
            at = given;
        } else if given == 0 {
            // The watch cache, which answers such lists, does not cut them.
            limit = 0;
        }
    }
    let objects = state.store.snapshot(&resource, at).map_err(|_| match &after {
        Some(last) => Status { go_on: Some(token(0, last).into()), ..Status::expired(CONTINUE_EXPIRED) },
        None => Status::expired("The resourceVersion for the provided list is too old."),
    })?;
    let from = after.map_or(0, |last| objects.partition_point(|e| e.key <= last));
    let mut wanted = objects[from..].iter().filter(|e| filter.select(e));
    let page: Vec<&Arc<Entry>> = wanted.by_ref().take(if limit == 0 { usize::MAX } else { limit }).collect();
    let left = wanted.count();
    let mut metadata = json!({"resourceVersion": at.to_string()});
    if let (true, Some(last)) = (left > 0, page.last()) {
        metadata["continue"] = json!(token(at, &last.key));
        if filter.labels.is_empty() && filter.fields.is_empty() {
            metadata["remainingItemCount"] = left.into();
        }
    }
    let head = match form {
        Form::Full => {
            json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(version), "metadata": metadata})
        }
        Form::Partial => json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}),
    };
    let mut out = BytesMut::new();
    out.put_slice(head.to_string().trim_end_matches('}').as_bytes());
    out.put_slice(b"},\"items\":[");
    for (at, entry) in page.into_iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        item(kind, version, entry, form, &mut out);
    }
    out.put_slice(b"]}");
    Ok(out.freeze())
}

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new \
    list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. \
    Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between \
    the time the first chunk was returned and now may show up in the list.";

fn check_match(given: Option<u64>, matching: &str, query: &Query) -> Result<(), Status> {
    let refuse = |field: &str, message: &str| {
        let wrong = Cause { reason: "FieldValueForbidden", field: field.to_owned(), message: format!("Forbidden: {message}") };
        Err(Status::invalid("meta.k8s.io", "ListOptions", "", &[wrong]))
    };
    if query.is_given("sendInitialEvents") {
        return refuse("sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
    match (matching, given) {
        ("", None | Some(0)) => Ok(()),
        ("", Some(_)) if query.is_given("continue") => {
            Err(Status::bad_request("specifying resource version is not allowed when using continue"))
        }
        ("", Some(_)) => Ok(()),
        (_, _) if query.is_given("continue") => {
            refuse("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")
        }
        ("Exact" | "NotOlderThan", None) => {
            refuse("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        ("Exact", Some(0)) => {
            refuse("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
        }
        ("Exact" | "NotOlderThan", Some(_)) => Ok(()),
        (other, _) => {
            let message = format!("Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\"");
            let wrong = Cause { reason: "FieldValueNotSupported", field: "resourceVersionMatch".to_owned(), message };
            Err(Status::invalid("meta.k8s.io", "ListOptions", "", &[wrong]))
        }
    }
}

/// One object inside a list: the built-in kinds leave out what they are.
fn item(kind: &Kind, version: &str, entry: &Entry, form: Form, out: &mut BytesMut) {
    if form == Form::Full && !kind.custom && convert::is_storage(kind, version) {
        out.put_u8(b'{');
        out.put_slice(&entry.bytes[entry.typeless..]);
        return;
    }
    out.put_slice(&render(kind, version, entry, form));
}

/// An object in the version of the client.
pub(crate) fn render(kind: &Kind, version: &str, entry: &Entry, form: Form) -> Bytes {
    match form {
        Form::Full if convert::is_storage(kind, version) => entry.bytes.clone(),
        Form::Full => convert::from_storage(kind, version, entry.value()).to_string().into(),
        Form::Partial => {
            let metadata: Value = entry.value()["metadata"].take();
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}).to_string().into()
        }
    }
}
