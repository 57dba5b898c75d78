//! Prometheus: an instant query.
//!
//! Decides: what an answer of `/api/v1/query` means as one number.
//! Method: KEDA's Prometheus scaler; a scalar is taken as well, and an infinite or negative value is always an error, because taking
//!   it for 0 would shrink a service for a division by zero.
//! Tested: `tests` below; `tests/it/prometheus.rs`.

use serde::Deserialize;
use serde_json::Value;
use skala_spec::model::PrometheusSource;

use super::{base, json, url};
use crate::web::{Ask, Login, Webs, escape};
use crate::{Error, Sample, sample};

/// Longest query that goes into the URL, in bytes; a longer one is sent as a form.
const MAX_IN_URL: usize = 2000;

pub(crate) async fn look(source: &PrometheusSource, webs: &Webs) -> Result<Sample, Error> {
    let url = url("server", &source.server)?;
    let path = format!("{}/api/v1/query", base(&url));
    let query = format!("query={}", escape(&source.query));
    let (target, form) = match query.len() <= MAX_IN_URL {
        true => (format!("{path}?{query}"), None),
        false => (path, Some(query)),
    };
    let login = match (&source.bearer_token, &source.username) {
        (Some(token), _) => Login::Bearer(token.expose()),
        (None, Some(user)) => Login::Basic(user, source.password.as_ref().map_or("", |p| p.expose())),
        (None, None) => match (&url.user, &url.password) {
            (Some(user), password) => Login::Basic(user, password.as_deref().unwrap_or_default()),
            _ => Login::Nobody,
        },
    };
    let ask = Ask { url: &url, target, form, headers: Some(&source.headers), login, tls: source.tls.as_ref() };
    let answer = webs.ask(ask).await?;
    let server = url.authority();
    let status = answer.status;
    if status.is_client_error()
        && let Ok(Document { error: Some(words), .. }) = serde_json::from_slice(&answer.body)
    {
        return Err(Error::Refused { server, reason: format!("it answers {status}: {words}") });
    }
    let body = answer.success(&server)?;
    number(&server, &body, source.ignore_null)
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

/// The number in an answer; `ignore_null` takes nothing and NaN for 0.
fn number(server: &str, body: &[u8], ignore_null: bool) -> Result<Sample, Error> {
    let document: Document = json(server, body)?;
    let malformed = |reason: &str| Error::Malformed { server: server.to_owned(), reason: reason.to_owned() };
    let data = document.data.ok_or_else(|| malformed("its answer has no data"))?;
    let point = match (data.result_type.as_str(), &data.result) {
        ("vector", Value::Array(elements)) => match elements.as_slice() {
            [] if ignore_null => return Sample::new(0.0),
            [] => return Err(Error::number("the query gives nothing: its target may be lost")),
            [element] => &element["value"],
            many => return Err(Error::number(format!("the query gives {} elements; sum or filter them to one", many.len()))),
        },
        ("scalar", point) => point,
        (kind, _) => return Err(Error::number(format!("the query gives a {kind}, not an instant vector"))),
    };
    let text = point[1].as_str().ok_or_else(|| malformed("its answer has no value"))?;
    let value = sample::parse(text)?;
    if value.is_nan() && ignore_null {
        return Sample::new(0.0);
    }
    Sample::new(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(values: &[&str]) -> String {
        let elements: Vec<String> =
            values.iter().map(|v| format!(r#"{{"metric":{{"a":"b"}},"value":[1700000000.1,"{v}"]}}"#)).collect();
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#, elements.join(","))
    }

    #[test]
    fn answers() {
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"7.5"]}}"#.to_owned();
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#.to_owned();
        // (answer, with ignoreNull, without)
        let rows = [
            (vector(&["12.5"]), Some(12.5), Some(12.5)),
            (vector(&["0"]), Some(0.0), Some(0.0)),
            (scalar, Some(7.5), Some(7.5)),
            (vector(&[]), Some(0.0), None),
            (vector(&["NaN"]), Some(0.0), None),
            (vector(&["+Inf"]), None, None),
            (vector(&["-Inf"]), None, None),
            (vector(&["-3"]), None, None),
            (vector(&["1", "2"]), None, None),
            (vector(&["many"]), None, None),
            (matrix, None, None),
            (r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#.to_owned(), None, None),
            (r#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1]}]}}"#.to_owned(), None, None),
            (r#"{"status":"success","data":{"resultType":"vector","result":null}}"#.to_owned(), None, None),
            (r#"{"status":"success"}"#.to_owned(), None, None),
            ("[]".to_owned(), None, None),
            ("<html>".to_owned(), None, None),
            (String::new(), None, None),
            ("[".repeat(100_000), None, None),
        ];
        for (body, ignoring, strict) in rows {
            let value = |ignore| number("h:1", body.as_bytes(), ignore).ok().map(|s| s.value);
            assert_eq!((value(true), value(false)), (ignoring, strict), "{}", &body[..body.len().min(200)]);
        }
    }
}
