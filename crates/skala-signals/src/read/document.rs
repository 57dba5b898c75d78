//! `http`: a number in a JSON document.
//!
//! Decides: which part of a document is the number.
//! Method: RFC 6901's pointers.
//! Tested: `tests` below; `tests/it/web.rs`.

use serde_json::Value;
use skala_spec::model::HttpSource;

use super::{json, url};
use crate::web::{Ask, Login, Webs};
use crate::{Error, Sample, sample};

pub(crate) async fn look(source: &HttpSource, webs: &Webs) -> Result<Sample, Error> {
    let url = url("url", &source.url)?;
    let path = if url.path.is_empty() { "/" } else { &url.path };
    let target = url.query.as_ref().map_or(path.to_owned(), |query| format!("{path}?{query}"));
    let login = match (&source.bearer_token, &source.username, &url.user) {
        (Some(token), ..) => Login::Bearer(token.expose()),
        (None, Some(user), _) => Login::Basic(user, source.password.as_ref().map_or("", |p| p.expose())),
        (None, None, Some(user)) => Login::Basic(user, url.password.as_deref().unwrap_or_default()),
        (None, None, None) => Login::Nobody,
    };
    let ask = Ask { url: &url, target, form: None, headers: Some(&source.headers), login, tls: source.tls.as_ref() };
    let server = url.authority();
    let body = webs.ask(ask).await?.success(&server)?;
    number(&server, &body, &source.path)
}

fn number(server: &str, body: &[u8], path: &str) -> Result<Sample, Error> {
    let document: Value = json(server, body)?;
    let found = document.pointer(path).ok_or_else(|| Error::number(format!("the document has nothing at `{path}`")))?;
    match found {
        Value::Number(number) => Sample::new(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Sample::new(sample::parse(text)?),
        _ => Err(Error::number(format!("what the document has at `{path}` is not a number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents() {
        let rows = [
            ("12", "", Some(12.0)),
            ("\"12.5\"", "", Some(12.5)),
            (r#"{"queue": [{"waiting": 3}]}"#, "/queue/0/waiting", Some(3.0)),
            (r#"{"a/b": {"~": 4}}"#, "/a~1b/~0", Some(4.0)),
            (r#"{"n": 18446744073709551615}"#, "/n", Some(u64::MAX as f64)),
            (r#"{"queue": []}"#, "/queue/0/waiting", None),
            (r#"{"n": null}"#, "/n", None),
            (r#"{"n": true}"#, "/n", None),
            (r#"{"n": -1}"#, "/n", None),
            (r#"{"n": "-1"}"#, "/n", None),
            (r#"{"n": "NaN"}"#, "/n", None),
            (r#"{"n": "soon"}"#, "/n", None),
            (r#"{"n": 1e999}"#, "/n", None),
            ("", "", None),
            ("{", "/n", None),
        ];
        for (body, path, value) in rows {
            assert_eq!(number("h:1", body.as_bytes(), path).ok().map(|s| s.value), value, "{body} {path}");
        }
    }
}
