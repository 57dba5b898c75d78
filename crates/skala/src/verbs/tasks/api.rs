//! Talking to the tasks' API of a running skala.
//!
//! Decides: where it is (the note in the state folder), and what a problem means for people.
//! Invariants: a leader elsewhere is followed once; no token is shown.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::client::{encode, not_running};
use crate::exit::{Exit, FAILED};
use crate::instance::Instance;

/// Where the token of an API that needs one is taken from.
pub const TOKEN_VARIABLE: &str = "SKALA_TASKS_TOKEN";
/// Longest that the API lets one wait at a time, and a margin.
const PATIENCE: Duration = Duration::from_secs(75);

/// A client of one running skala's tasks.
pub struct Api {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

/// How a call ended.
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// The document; null where there is none.
    pub body: Value,
}

impl Api {
    /// Finds the tasks of the skala that runs with this state folder.
    ///
    /// # Errors
    /// When none runs, or its platform has no tasks.
    pub fn find(state_dir: &Path) -> Result<Api, Exit> {
        let instance = Instance::read(state_dir).filter(Instance::is_alive).ok_or_else(|| not_running(state_dir))?;
        let base = instance.tasks.ok_or_else(|| {
            let help = "add `queues:` or `schedules:` to its platform file; `skala explain queues` tells how";
            Exit::new(FAILED, "the platform that runs here has no queues and schedules", help)
        })?;
        let config =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).max_redirects(0).proxy(None);
        Ok(Api { agent: config.build().into(), base, token: std::env::var(TOKEN_VARIABLE).ok() })
    }

    /// GETs a document.
    ///
    /// # Errors
    /// When there is no answer, or it is a problem.
    pub fn get(&self, path: &str) -> Result<Value, Exit> {
        self.call("GET", path, None).and_then(Answered::good)
    }

    /// POSTs a document, or nothing.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn post(&self, path: &str, document: Option<&Value>) -> Result<Value, Exit> {
        self.call("POST", path, document).and_then(Answered::good)
    }

    /// DELETEs.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn delete(&self, path: &str) -> Result<Value, Exit> {
        self.call("DELETE", path, None).and_then(Answered::good)
    }

    /// Any call; at another leader when this skala names one.
    fn call(&self, method: &str, path: &str, document: Option<&Value>) -> Result<Answered, Exit> {
        let first = self.at(method, &format!("{}{path}", self.base), document)?;
        match first {
            Ok(answered) => Ok(answered),
            Err(elsewhere) => self
                .at(method, &elsewhere, document)?
                .map_err(|_| Exit::new(FAILED, "two skala processes name each other as leader", "ask again in some seconds")),
        }
    }

    /// One call; an inner error is the address of who should be asked.
    fn at(&self, method: &str, url: &str, document: Option<&Value>) -> Result<Result<Answered, String>, Exit> {
        let mut request = ureq::http::Request::builder().method(method).uri(url).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = document.map(Value::to_string).unwrap_or_default();
        let request =
            request.body(body).map_err(|e| Exit::new(FAILED, format!("cannot ask {url}: {e}"), "is the name right?"))?;
        let mut response = self.agent.run(request).map_err(|error| {
            Exit::new(FAILED, format!("no answer from the tasks' API at {url}: {error}"), "does skala still run? `skala status`")
        })?;
        let status = response.status().as_u16();
        if status == 307 {
            let to = response.headers().get("location").and_then(|v| v.to_str().ok()).unwrap_or_default();
            return Ok(Err(to.to_owned()));
        }
        let text = response.body_mut().with_config().limit(256 << 20).read_to_string().unwrap_or_default();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Ok(Answered { status, body }))
    }
}

impl Answered {
    /// The document, or the problem in words.
    fn good(self) -> Result<Value, Exit> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let said = self.body["detail"].as_str().or(self.body["title"].as_str()).unwrap_or("no reason was given");
        Err(Exit { code: FAILED, message: said.to_owned(), help: help(self.status).map(str::to_owned) })
    }
}

/// What to do about a status, beyond what the problem itself says.
fn help(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("set SKALA_TASKS_TOKEN to the token of the platform file's `tasks:`"),
        404 => Some("`skala tasks stats` shows the queues, `skala tasks list` the tasks"),
        409 => Some("`skala tasks show ID` tells how it stands"),
        429 => Some("wait until workers have caught up, or raise `maxTasks` of the queue"),
        503 => Some("ask again in a second; `skala status` tells more"),
        507 => Some("free some space on the disk of the state folder"),
        _ => None,
    }
}

/// A path with its query; values are encoded, those without text left out.
pub fn path(base: &str, query: &[(&str, Option<String>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(value.as_deref()?))));
    let query: Vec<_> = given.collect();
    if query.is_empty() { base.to_owned() } else { format!("{base}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded_and_problems_say_what_to_do() {
        let query = [("queue", Some("a b".into())), ("state", None), ("limit", Some("3".into()))];
        assert_eq!(path("/v1/tasks", &query), "/v1/tasks?queue=a%20b&limit=3");
        assert_eq!(path("/v1/tasks", &[("x", None)]), "/v1/tasks");
        let body = serde_json::json!({"detail": "queue mail is full: it holds 5 tasks"});
        let exit = Answered { status: 429, body }.good().unwrap_err();
        assert_eq!(exit.message, "queue mail is full: it holds 5 tasks");
        assert!(exit.help.unwrap().contains("maxTasks"));
        let exit = Answered { status: 418, body: Value::Null }.good().unwrap_err();
        assert_eq!((exit.message.as_str(), exit.help), ("no reason was given", None));
    }
}
