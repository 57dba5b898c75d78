//! The `Status` object: how an API server says no.
//!
//! Decides: code, reason and details of every refusal.
//! Inputs: what was asked for and why it cannot be.
//! Method: the constructors of `k8s.io/apimachinery/pkg/api/errors`, with their wording, because clients branch on `reason`.
//! Tested: wherever a test provokes a refusal.

use serde_json::{Map, Value, json};

/// A refusal, as the server answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`; may be empty.
    pub reason: String,
    /// The sentence for people.
    pub message: String,
    /// The member `details`; null when there are none.
    pub details: Box<Value>,
    /// Seconds after which the server asks to be tried again.
    pub retry_after: Option<u32>,
    /// For an expired list: the token that goes on with what is there now.
    pub go_on: Option<Box<str>>,
}

/// One field that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Cause {
    pub(crate) fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Cause {
        Cause { reason: "FieldValueInvalid", field: field.into(), message: format!("Invalid value: {value}: {why}") }
    }

    pub(crate) fn required(field: impl Into<String>) -> Cause {
        Cause { reason: "FieldValueRequired", field: field.into(), message: "Required value".to_owned() }
    }
}

impl Status {
    /// A refusal with a code, a reason and a sentence.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Status {
        Status {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            details: Box::default(),
            retry_after: None,
            go_on: None,
        }
    }

    fn about(mut self, group: &str, what: &str, name: &str) -> Status {
        let mut details = Map::new();
        for (key, value) in [("name", name), ("group", group), ("kind", what)] {
            if !value.is_empty() {
                details.insert(key.to_owned(), json!(value));
            }
        }
        self.details = Box::new(Value::Object(details));
        self
    }

    pub(crate) fn not_found(group: &str, plural: &str, name: &str) -> Status {
        Status::new(404, "NotFound", format!("{} {name:?} not found", qualified(group, plural))).about(group, plural, name)
    }

    pub(crate) fn no_such_path() -> Status {
        Status::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn already_exists(group: &str, plural: &str, name: &str) -> Status {
        let message = format!("{} {name:?} already exists", qualified(group, plural));
        Status::new(409, "AlreadyExists", message).about(group, plural, name)
    }

    pub(crate) fn conflict(group: &str, plural: &str, name: &str, why: &str) -> Status {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(group, plural));
        Status::new(409, "Conflict", message).about(group, plural, name)
    }

    pub(crate) fn stale(group: &str, plural: &str, name: &str) -> Status {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Status::conflict(group, plural, name, why)
    }

    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Status {
        let told: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
        let told = if told.len() == 1 { told.concat() } else { format!("[{}]", told.join(", ")) };
        let message = format!("{} {name:?} is invalid: {told}", qualified(group, kind));
        let mut status = Status::new(422, "Invalid", message).about(group, kind, name);
        let causes: Vec<Value> =
            causes.iter().map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field})).collect();
        status.details["causes"] = causes.into();
        status
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Status {
        Status::new(400, "BadRequest", message)
    }

    pub(crate) fn forbidden(group: &str, plural: &str, name: &str, why: &str) -> Status {
        let named = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        let message = format!("{}{named} is forbidden: {why}", qualified(group, plural));
        Status::new(403, "Forbidden", message).about(group, plural, name)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Status {
        Status::new(410, "Expired", message)
    }

    pub(crate) fn method_not_allowed(verb: &str, group: &str, plural: &str) -> Status {
        let message = format!("{verb} is not supported on resources of kind {:?}", qualified(group, plural));
        Status::new(405, "MethodNotAllowed", message).about(group, plural, "")
    }

    pub(crate) fn not_acceptable() -> Status {
        let message = "only the following media types are accepted: application/json, application/json;stream=watch";
        Status::new(406, "NotAcceptable", message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Status {
        Status::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Status {
        Status::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// A refusal by code alone, as a fault asks for it.
    pub(crate) fn of_code(code: u16, retry_after: Option<u32>) -> Status {
        let (reason, message) = match code {
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden"),
            404 => ("NotFound", "the server could not find the requested resource"),
            409 => ("Conflict", "there is a conflict"),
            410 => ("Expired", "The resourceVersion for the provided watch is too old."),
            429 => ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
            500 => ("InternalError", "an error on the server has prevented the request from succeeding"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "the server was unable to return a response in the time allotted"),
            _ => ("", "the request was refused"),
        };
        Status { retry_after, ..Status::new(code, reason, message) }
    }

    /// The object of kind `Status`.
    pub fn to_value(&self) -> Value {
        let mut metadata = Map::new();
        if let Some(token) = &self.go_on {
            metadata.insert("continue".to_owned(), json!(token));
        }
        let mut value = json!({"kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code});
        let mut details = Value::clone(&self.details);
        if let Some(seconds) = self.retry_after {
            if details.is_null() {
                details = json!({});
            }
            details["retryAfterSeconds"] = seconds.into();
        }
        if !details.is_null() {
            value["details"] = details;
        }
        value
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.code, self.reason, self.message)
    }
}

impl std::error::Error for Status {}

/// `plural.group`, or the plural alone for the core group.
fn qualified(group: &str, plural: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}
