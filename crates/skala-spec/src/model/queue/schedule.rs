//! Tasks by the clock.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use skala_types::ServiceName;

use crate::model::names::dns_label;
use crate::scalar::{CronSeconds, Dur, EnvValue, Moment, Spend, ZoneName};

/// Tasks by the clock: exactly one of `cron`, `every` and `at`, and exactly one of `queue` and `http`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Schedule {
    /// When: five cron fields, such as `0 2 * * *`, or six with the seconds first. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<CronSeconds>,
    /// When: each time so long after the one before, at least 1s, counted from midnight UTC of 1970-01-01. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Dur>,
    /// When: once, such as `2027-01-01T00:00:00Z`. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// The IANA time zone in which `cron` is read. A time that a change of clocks leaves out happens right after it, one that comes twice
    /// happens once. Reload: live.
    pub timezone: ZoneName,
    /// The queue that gets the tasks. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_label")]
    pub queue: Option<String>,
    /// Instead of a queue: a request to a service, `{service: api, path: /cron/nightly}`. It runs as a task of a queue of its own, so it is
    /// retried and bounded. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpTarget>,
    /// Body of each task: any value, as JSON; variables in it are not replaced. A task of a Celery queue is
    /// `{task: app.tasks.mail, args: [], kwargs: {}}`. Default: `null`. With `http` it stands there. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Whose tasks they are, for fair shares and ceilings. Default: nobody's. Reload: live.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// Tasks each time, 1 to 1000000. Reload: live.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tasks: u32,
    /// What becomes of times that pass while skala is away or cannot make the tasks: `once`, `skip`, or `{all: 10}`. Reload: live.
    pub misfire: Misfire,
    /// Missed times that are older are skipped, above 0 to 365d. Reload: live.
    pub catch_up: Dur,
    /// What becomes of a time while a task of the one before has not ended. Reload: live.
    pub overlap: Overlap,
    /// Most that its tasks may cost in an hour, day or month: `1 EUR/day`. Tasks beyond it are parked until the window ends. Default: no bound
    /// of its own. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Spend>,
    /// It makes nothing; times that pass meanwhile are not made up for. Reload: live.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            cron: None,
            every: None,
            at: None,
            timezone: ZoneName::default(),
            queue: None,
            http: None,
            body: None,
            tenant: String::new(),
            tasks: 1,
            misfire: Misfire::default(),
            catch_up: Dur::secs(86_400),
            overlap: Overlap::default(),
            budget: None,
            paused: false,
        }
    }
}

/// When a schedule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing<'a> {
    /// At cron times of a zone.
    Cron(&'a CronSeconds, &'a ZoneName),
    /// Again and again.
    Every(Dur),
    /// Once.
    At(&'a Moment),
}

impl Schedule {
    /// When it fires; `None` only in a schedule that has not passed the checks.
    pub fn timing(&self) -> Option<Timing<'_>> {
        match (&self.cron, self.every, &self.at) {
            (Some(cron), None, None) => Some(Timing::Cron(cron, &self.timezone)),
            (None, Some(every), None) => Some(Timing::Every(every)),
            (None, None, Some(at)) => Some(Timing::At(at)),
            _ => None,
        }
    }
}

/// A request to a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpTarget {
    /// The service. Reload: live.
    #[schemars(schema_with = "dns_label")]
    pub service: ServiceName,
    /// Path with its query, beginning with `/`. Reload: live.
    pub path: String,
    /// Method. Reload: live.
    #[serde(default)]
    pub method: HttpMethod,
    /// Headers beside skala's own. Values from `"${VARIABLE}"` or `{file: path}` are never shown. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, EnvValue>,
    /// Body: any value, as JSON; variables in it are not replaced. Default: none. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Longest time of one attempt, above 0 to 1d. Reload: live.
    #[serde(default = "ten_minutes")]
    pub timeout: Dur,
}

impl HttpTarget {
    /// The queue that its requests go through: no queue of the file can have a `.` in its name.
    pub fn hidden_queue(&self) -> String {
        format!("schedules.{}", self.service)
    }
}

/// Method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// With a body.
    #[default]
    Post,
    /// Without one.
    Get,
    /// With a body.
    Put,
    /// With a body.
    Patch,
    /// Without one.
    Delete,
}

impl HttpMethod {
    /// As it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            HttpMethod::Post => "POST",
            HttpMethod::Get => "GET",
            HttpMethod::Put => "PUT",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Delete => "DELETE",
        }
    }
}

/// What becomes of missed times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Misfire {
    /// In one word.
    Word(MisfireWord),
    /// So many at most are made up for.
    All(MisfireAll),
}

/// What becomes of missed times, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MisfireWord {
    /// One for all of them, as soon as skala is back.
    Once,
    /// They are lost.
    Skip,
    /// Each of the latest 1000 is made up for.
    All,
}

/// So many at most are made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MisfireAll {
    /// The latest of them, 1 to 1000. Reload: live.
    #[schemars(range(min = 1, max = 1000))]
    pub all: u32,
}

impl Default for Misfire {
    fn default() -> Misfire {
        Misfire::Word(MisfireWord::Once)
    }
}

impl Misfire {
    /// How many missed times are made up for one by one; `None` for the words `once` and `skip`.
    pub fn all(self) -> Option<u32> {
        match self {
            Misfire::All(MisfireAll { all }) => Some(all),
            Misfire::Word(MisfireWord::All) => Some(1000),
            Misfire::Word(MisfireWord::Once | MisfireWord::Skip) => None,
        }
    }
}

/// What becomes of a time while a task of the one before has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Overlap {
    /// Its tasks are made all the same.
    #[default]
    Allow,
    /// It is left out.
    Skip,
    /// It waits for the one before; one may wait, later ones are left out.
    Buffer,
    /// The tasks of the one before are cancelled.
    Cancel,
}

fn ten_minutes() -> Dur {
    Dur::secs(600)
}
