//! From a request to its answer.
//!
//! Decides: in which order a request is disturbed, authorized and carried out, and by which part.
//! Inputs: a request that has been read whole.
//! Invariants: every request that was read leaves one line in the log; a refused one changes nothing.
//! Tested: `tests/kubernetes/`.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::access;
use super::api::{Api, State};
use super::discovery;
use super::faults::Fault;
use super::kinds::Kind;
use super::list::{self, Form, render};
use super::patch::Patch;
use super::requests::Seen;
use super::scale;
use super::status::Status;
use super::store::{Entry, Key};
use super::target::{Query, Target};
use super::watch::Watching;
use super::write::{Deleted, Deletion, How, Unknown, Written};

/// A request that has been read.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) raw_query: String,
    pub(crate) accept: String,
    pub(crate) content_type: String,
    pub(crate) user_agent: String,
    pub(crate) token: String,
    pub(crate) body: Bytes,
}

/// The media type of nearly every answer.
pub(crate) const JSON: &str = "application/json";

/// What a request gets.
pub(crate) enum Answer {
    Whole { code: u16, media: &'static str, body: Bytes, warnings: Vec<String>, retry_after: Option<u32> },
    Watch(Box<Watching>),
    Cut,
}

impl Answer {
    pub(crate) fn json(value: &Value) -> Answer {
        Answer::bytes(200, value.to_string().into())
    }

    pub(crate) fn bytes(code: u16, body: Bytes) -> Answer {
        Answer::Whole { code, media: JSON, body, warnings: Vec::new(), retry_after: None }
    }

    fn refused(status: &Status) -> Answer {
        let body = status.to_value().to_string().into();
        Answer::Whole { code: status.code, media: JSON, body, warnings: Vec::new(), retry_after: status.retry_after }
    }
}

/// Answers a request.
pub(crate) async fn answer(api: &Arc<Api>, asked: Asked) -> Answer {
    let at = std::time::Instant::now();
    let target = Target::parse(&asked.method, &asked.path, &asked.query);
    let user = access::user(&asked.token);
    let mut answer = None;
    let mut cut_after = false;
    match api.faults.strike(&target, &asked.user_agent) {
        Some(Fault::Refuse(code, retry_after)) => answer = Some(Answer::refused(&Status::of_code(code, retry_after))),
        Some(Fault::Slow(span)) => tokio::time::sleep(span).await,
        Some(Fault::Cut) => answer = Some(Answer::Cut),
        Some(Fault::CutAfter) => cut_after = true,
        None => {}
    }
    let mut answer =
        answer.unwrap_or_else(|| route(api, &asked, &target, &user).unwrap_or_else(|status| Answer::refused(&status)));
    if cut_after {
        answer = Answer::Cut;
    }
    let code = match &answer {
        Answer::Whole { code, .. } => *code,
        Answer::Watch(_) => 200,
        Answer::Cut => 0,
    };
    api.requests.add(Seen {
        at,
        code,
        verb: target.verb,
        resource: target.group_resource(),
        subresource: target.subresource,
        namespace: target.namespace,
        name: target.name,
        method: asked.method,
        path: asked.path,
        query: asked.raw_query,
        user_agent: asked.user_agent,
        user,
    });
    answer
}

fn route(api: &Arc<Api>, asked: &Asked, target: &Target, user: &str) -> Result<Answer, Status> {
    if target.resource.is_empty() {
        return discovery::answer(api, asked);
    }
    api.read(|state| access::check(state, user, target))?;
    if let Some(answer) = access::review(api, asked, target, user)? {
        return Ok(answer);
    }
    if let Some(answer) = api.metrics.answer(api, asked, target)? {
        return Ok(answer);
    }
    let form = form(&asked.accept)?;
    let kind = api.read(|state| state.kind(&target.group_resource()))?;
    let version = kind.version(&target.version).ok_or_else(Status::no_such_path)?.name.clone();
    if !target.namespace.is_empty() && !kind.namespaced {
        return Err(Status::no_such_path());
    }
    if target.verb == "watch" || (target.verb == "get" && asked.query.is_true("watch")) {
        return Watching::begin(api, &kind, &version, target, &asked.query, form).map(|w| Answer::Watch(Box::new(w)));
    }
    let request = Resource { asked, target, kind: &kind, version: &version, form };
    match target.verb {
        "list" => {
            api.read(|state| list::list(state, &kind, &version, target, &asked.query, form)).map(|body| Answer::bytes(200, body))
        }
        "get" => api.read(|state| request.get(state)),
        _ if api.faults.strike_conflict(target) => Err(Status::stale(&kind.group, &kind.plural, &target.name)),
        "create" => api.write(|state| request.create(state)),
        "update" | "patch" => api.write(|state| request.change(state)),
        "delete" => api.write(|state| request.delete(state)),
        _ => api.write(|state| request.delete_collection(state)),
    }
}

/// In which form a client wants objects.
///
/// # Errors
/// When it takes no JSON.
fn form(accept: &str) -> Result<Form, Status> {
    if accept.is_empty() {
        return Ok(Form::Full);
    }
    for media in accept.split(',') {
        let mut parts = media.split(';').map(str::trim);
        if !matches!(parts.next(), Some("application/json" | "application/*" | "*/*")) {
            continue;
        }
        match parts.find_map(|p| p.strip_prefix("as=")) {
            None => return Ok(Form::Full),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => return Ok(Form::Partial),
            // Tables and the like: the next choice, please.
            Some(_) => {}
        }
    }
    Err(Status::not_acceptable())
}

/// A request for objects of a kind.
struct Resource<'a> {
    asked: &'a Asked,
    target: &'a Target,
    kind: &'a Arc<Kind>,
    version: &'a str,
    form: Form,
}

impl Resource<'_> {
    fn key(&self) -> Key {
        Key::new(&self.target.namespace, &self.target.name)
    }

    fn entry(&self, state: &State) -> Result<Arc<Entry>, Status> {
        let missing = || Status::not_found(&self.kind.group, &self.kind.plural, &self.target.name);
        state.store.get(&self.kind.key(), &self.key()).cloned().ok_or_else(missing)
    }

    fn get(&self, state: &State) -> Result<Answer, Status> {
        let entry = self.entry(state)?;
        match self.target.subresource.as_str() {
            "" => {}
            "status" if self.has_status() => {}
            "scale" => return scale::of(self.kind, self.version, &entry).map(|scale| Answer::json(&scale)),
            _ => return Err(Status::no_such_path()),
        }
        Ok(Answer::bytes(200, render(self.kind, self.version, &entry, self.form)))
    }

    fn has_status(&self) -> bool {
        self.kind.version(self.version).is_some_and(|v| v.status)
    }

    fn how(&self) -> Result<How<'_>, Status> {
        let query = &self.asked.query;
        let dry_run = match query.get("dryRun") {
            "" => false,
            "All" => true,
            other => {
                let message = format!("dryRun: Unsupported value: {other:?}: supported values: \"All\"");
                return Err(Status::new(422, "Invalid", message));
            }
        };
        let unknown = match query.get("fieldValidation") {
            "Strict" => Unknown::Strict,
            "Ignore" => Unknown::Ignore,
            _ => Unknown::Warn,
        };
        Ok(How { dry_run, unknown, ..How::new(self.kind, self.version) })
    }

    /// The body as JSON.
    fn body(&self) -> Result<Value, Status> {
        let media = self.asked.content_type.split(';').next().unwrap_or("").trim();
        if !matches!(media, "" | "application/json") {
            return Err(Status::unsupported(
                "the body of the request was in an unknown format - accepted media types include: application/json",
            ));
        }
        serde_json::from_slice(&self.asked.body).map_err(|error| Status::bad_request(format!("the body is not JSON: {error}")))
    }

    fn written(&self, code: u16, written: &Written) -> Answer {
        let body = render(self.kind, self.version, &written.entry, self.form);
        Answer::Whole { code, media: JSON, body, warnings: written.warnings.clone(), retry_after: None }
    }

    fn create(&self, state: &mut State) -> Result<Answer, Status> {
        if self.target.subresource == "eviction" && self.kind.key() == "pods" {
            return self.delete(state);
        }
        if !self.target.name.is_empty() {
            return Err(Status::method_not_allowed("create", &self.kind.group, &self.kind.plural));
        }
        let object = self.body()?;
        let namespace = &self.target.namespace;
        if self.kind.namespaced && namespace.is_empty() {
            return Err(Status::bad_request("an empty namespace may not be set during creation"));
        }
        let said = object["metadata"]["namespace"].as_str().unwrap_or("");
        if !said.is_empty() && said != namespace {
            return Err(Status::bad_request(format!(
                "the namespace of the provided object does not match the namespace sent on the request: {said}, {namespace}"
            )));
        }
        let written = state.create(&self.how()?, namespace, object)?;
        Ok(self.written(201, &written))
    }

    /// PUT and PATCH, of the object, its status or its scale.
    fn change(&self, state: &mut State) -> Result<Answer, Status> {
        let query = &self.asked.query;
        let patch = match self.target.verb {
            "patch" => {
                let media = self.asked.content_type.split(';').next().unwrap_or("").trim();
                let body = &self.asked.body;
                Some(Patch::read(media, body, self.kind, query.get("fieldManager"), query.is_true("force"))?)
            }
            _ => None,
        };
        let applies = patch.as_ref().is_some_and(Patch::is_apply);
        let how = How { replaces: patch.is_none(), applies, ..self.how()? };
        let body = if patch.is_none() { Some(self.body()?) } else { None };
        let sub = self.target.subresource.as_str();
        let change = |object: Value| match (&patch, body) {
            (Some(patch), _) => patch.change(self.kind, sub, object),
            (None, Some(body)) if body.is_object() => Ok(body),
            _ => Err(Status::bad_request("the body is not a JSON object")),
        };
        match sub {
            "scale" => {
                let written = scale::write(state, &how, &self.key(), change)?;
                scale::of(self.kind, self.version, &written.entry).map(|scale| Answer::json(&scale))
            }
            "" if applies && state.store.get(&self.kind.key(), &self.key()).is_none() => self.create_applied(state, &how, change),
            "status" if self.has_status() => {
                let written = state.update(&How { subresource: "status", ..how }, &self.key(), change)?;
                Ok(self.written(200, &written))
            }
            "" => {
                let written = state.update(&how, &self.key(), change)?;
                Ok(self.written(200, &written))
            }
            _ => Err(Status::no_such_path()),
        }
    }

    /// Creates what is applied for the first time.
    fn create_applied(
        &self,
        state: &mut State,
        how: &How<'_>,
        change: impl FnOnce(Value) -> Result<Value, Status>,
    ) -> Result<Answer, Status> {
        let mut object = change(json!({"metadata": {"name": self.target.name}}))?;
        let managed = object["metadata"]["managedFields"].take();
        let written = state.create(how, &self.target.namespace, object)?;
        if how.dry_run {
            return Ok(self.written(201, &written));
        }
        // The owners of fields are the server's own to write, so they come as a second step.
        let how = How { replaces: false, ..*how };
        let written = state.update(&how, &self.key(), |mut object| {
            object["metadata"]["managedFields"] = managed;
            Ok(object)
        })?;
        Ok(self.written(201, &written))
    }

    fn deletion(&self) -> Result<Deletion, Status> {
        let body: Value = match self.asked.body.is_empty() {
            true => Value::Null,
            false => self.body()?,
        };
        // An eviction carries the options of a deletion inside.
        let options = if body["kind"] == "Eviction" { &body["deleteOptions"] } else { &body };
        let query = &self.asked.query;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Ok(Deletion {
            grace: options["gracePeriodSeconds"].as_i64().or_else(|| query.get("gracePeriodSeconds").parse().ok()),
            uid: text(&options["preconditions"]["uid"]),
            revision: text(&options["preconditions"]["resourceVersion"]),
            dry_run: query.get("dryRun") == "All" || options["dryRun"] == json!(["All"]),
        })
    }

    fn delete(&self, state: &mut State) -> Result<Answer, Status> {
        if !matches!(self.target.subresource.as_str(), "" | "eviction") {
            return Err(Status::method_not_allowed("delete", &self.kind.group, &self.kind.plural));
        }
        let deleted = state.delete(self.kind, &self.key(), &self.deletion()?)?;
        let entry = match deleted {
            Deleted::Waiting(entry) => entry,
            Deleted::Gone(entry) if self.kind.key() == "pods" && self.target.subresource.is_empty() => entry,
            Deleted::Gone(entry) => {
                let mut details = json!({"name": self.target.name, "kind": self.kind.plural, "uid": entry.indexed.uid});
                if !self.kind.group.is_empty() {
                    details["group"] = json!(self.kind.group);
                }
                let success =
                    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
                return Ok(Answer::json(&success));
            }
        };
        Ok(Answer::bytes(200, render(self.kind, self.version, &entry, self.form)))
    }

    fn delete_collection(&self, state: &mut State) -> Result<Answer, Status> {
        let filter = list::filter(self.kind, self.target, &self.asked.query)?;
        let deletion = self.deletion()?;
        let inside = state.store.objects(&self.kind.key()).filter(|e| filter.select(e));
        let keys: Vec<Key> = inside.map(|e| e.key.clone()).collect();
        let body = list::list(state, self.kind, self.version, self.target, &self.asked.query, self.form)?;
        for key in keys {
            state.delete(self.kind, &key, &deletion)?;
        }
        Ok(Answer::bytes(200, body))
    }
}
