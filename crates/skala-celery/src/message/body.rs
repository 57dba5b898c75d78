//! A body's encodings: base64 or text, compressed or not.
//!
//! Invariants: pickle is refused before a byte of the body is read; nothing is inflated beyond [`MAX_BODY`].
//! Tested: `tests` in `envelope`; `tests/it/messages.rs`.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use serde_json::{Map, Value};

use super::{MAX_BODY, Problem};

/// What Python's `zlib` and `gzip` are called in messages; kombu writes zlib under both names.
const DEFLATE: &str = "application/x-gzip";

/// Reads the JSON document in an envelope's body.
pub(super) fn decode(envelope: &Map<String, Value>) -> Result<Value, Problem> {
    let text = |name: &str| envelope.get(name).and_then(Value::as_str);
    let kind = text("content-type").unwrap_or("application/json");
    match kind {
        "application/json" => {}
        "application/x-python-serialize" | "pickle" => return Err(Problem::Pickle),
        other => return Err(unsupported("content type", other, "application/json is")),
    }
    let body = text("body").ok_or_else(|| Problem::malformed("it has no body"))?;
    let encoding = envelope.get("properties").and_then(|p| p.get("body_encoding")).and_then(Value::as_str);
    let bytes = match encoding {
        Some("base64") => STANDARD.decode(body).map_err(|e| Problem::malformed(format!("its body is no base64: {e}")))?,
        None => body.as_bytes().to_vec(),
        Some(other) => return Err(unsupported("encoding", other, "base64 is")),
    };
    let compression = envelope.get("headers").and_then(|h| h.get("compression")).and_then(Value::as_str);
    let bytes = inflate(bytes, compression)?;
    serde_json::from_slice(&bytes).map_err(|e| Problem::malformed(format!("its body is no JSON: {e}")))
}

/// Undoes a compression.
pub(crate) fn inflate(bytes: Vec<u8>, compression: Option<&str>) -> Result<Vec<u8>, Problem> {
    if bytes.len() > MAX_BODY {
        return Err(Problem::TooLarge);
    }
    match compression {
        None => Ok(bytes),
        Some(DEFLATE) if bytes.starts_with(&[0x1f, 0x8b]) => bounded(MultiGzDecoder::new(&bytes[..])),
        Some(DEFLATE) => bounded(ZlibDecoder::new(&bytes[..])),
        Some(other) => Err(unsupported("compression", other, "gzip and zlib are")),
    }
}

fn bounded(reader: impl Read) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    let limit = MAX_BODY as u64 + 1;
    reader.take(limit).read_to_end(&mut out).map_err(|e| Problem::malformed(format!("its body cannot be inflated: {e}")))?;
    if out.len() > MAX_BODY { Err(Problem::TooLarge) } else { Ok(out) }
}

/// The body of a message that skala writes.
pub(super) fn encode(document: &Value) -> String {
    STANDARD.encode(document.to_string())
}

fn unsupported(what: &'static str, name: &str, instead: &'static str) -> Problem {
    Problem::Format { what, name: name.chars().take(64).collect(), instead }
}
