//! What a worker answered, as a JSON document: results are JSON always.
//!
//! Method: an answer that says it is JSON, and is, is kept as it is; other text is a JSON string; the rest is `{"base64": ".."}`.
//! Tested: `tests` below.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::json;

/// Makes a result of a body; nothing of an empty one.
pub(crate) fn from_body(content_type: Option<&str>, body: &Bytes) -> Option<Bytes> {
    if body.is_empty() {
        return None;
    }
    if content_type.is_none_or(is_json) && is_valid(body) {
        return Some(body.clone());
    }
    Some(text_or_binary(body))
}

/// Makes a result of a process's output: JSON where it is, else text without the newline at its end.
pub(crate) fn from_output(output: &[u8]) -> Option<Bytes> {
    let trimmed = output.trim_ascii();
    if trimmed.is_empty() {
        return None;
    }
    if is_valid(trimmed) {
        return Some(Bytes::copy_from_slice(trimmed));
    }
    Some(text_or_binary(output.trim_ascii_end()))
}

fn text_or_binary(body: &[u8]) -> Bytes {
    let value = match std::str::from_utf8(body) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(body) }),
    };
    value.to_string().into()
}

fn is_valid(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// `application/json`, or anything that is written in JSON (RFC 6839).
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_json_always() {
        let rows: [(Option<&str>, &[u8], Option<&str>); 9] = [
            (Some("application/json"), b"{\"a\": 1}", Some("{\"a\": 1}")),
            (Some("application/problem+json; charset=utf-8"), b"[1]", Some("[1]")),
            (None, b"3", Some("3")),
            (None, b"three", Some("\"three\"")),
            (Some("application/json"), b"{broken", Some("\"{broken\"")),
            (Some("text/plain"), b"3", Some("\"3\"")),
            (Some("text/plain"), b"say \"hi\"\n", Some(r#""say \"hi\"\n""#)),
            (Some("image/png"), b"\xff\x00", Some(r#"{"base64":"/wA="}"#)),
            (None, b"", None),
        ];
        for (content_type, body, want) in rows {
            let got = from_body(content_type, &Bytes::from_static(body));
            assert_eq!(got.as_deref(), want.map(str::as_bytes), "{content_type:?} {body:?}");
        }
    }

    #[test]
    fn output_loses_its_last_newline() {
        let rows: [(&[u8], Option<&str>); 5] = [
            (b"{\"a\":1}\n", Some("{\"a\":1}")),
            (b"done\n", Some("\"done\"")),
            (b"  indented\n", Some("\"  indented\"")),
            (b"\n", None),
            (b"\xff\n", Some(r#"{"base64":"/w=="}"#)),
        ];
        for (output, want) in rows {
            assert_eq!(from_output(output).as_deref(), want.map(str::as_bytes), "{output:?}");
        }
    }
}
