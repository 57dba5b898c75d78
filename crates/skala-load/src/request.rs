//! The bytes of the request that every arrival sends.
//!
//! Decides: the request line, the headers that the generator writes itself, and the framing of the body.
//! Inputs: the plan's method, headers and body; the body's file, read once.
//! Invariants: nothing that a plan says can break out of its line.
//! Tested: `tests` below.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::plan::{LoadError, LoadPlan};
use crate::target::Target;

/// The largest body of a request, bytes.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// The body of every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestBody {
    /// No body.
    #[default]
    None,
    /// This text.
    Text(String),
    /// The content of a file, at most 64 MiB, read once.
    File(PathBuf),
}

/// The bytes of the request, the same for every arrival.
pub(crate) fn request(plan: &LoadPlan, target: &Target) -> Result<Vec<u8>, LoadError> {
    let refuse = |text: String| Err(LoadError::Plan(text));
    if !is_token(&plan.method) || plan.method.chars().any(|c| c.is_ascii_lowercase()) {
        return refuse(format!("'{}' is not a method: write GET, POST, PUT ...", plan.method));
    }
    let body = body(&plan.body)?;
    let given = |name: &str| plan.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let mut text = format!("{} {} HTTP/1.1\r\n", plan.method, target.path);
    let mut push = |name: &str, value: &str| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    };
    if !given("host") {
        push("host", &target.authority());
    }
    if !given("user-agent") {
        push("user-agent", concat!("skala-load/", env!("CARGO_PKG_VERSION")));
    }
    for (name, value) in &plan.headers {
        if !is_token(name) {
            return refuse(format!("'{name}' is not the name of a header"));
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return refuse(format!("the value of header '{name}' holds a control character"));
        }
        if ["content-length", "transfer-encoding", "connection"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return refuse(format!("header '{name}' is the generator's own: leave it out"));
        }
        push(name, value);
    }
    if !plan.keep_alive {
        push("connection", "close");
    }
    if !body.is_empty() || ["POST", "PUT", "PATCH"].contains(&plan.method.as_str()) {
        push("content-length", &body.len().to_string());
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn body(body: &RequestBody) -> Result<Vec<u8>, LoadError> {
    let bytes = match body {
        RequestBody::None => Vec::new(),
        RequestBody::Text(text) => text.clone().into_bytes(),
        RequestBody::File(path) => {
            let failed = |source| LoadError::Body { path: path.clone(), source };
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path).map_err(failed)?;
            std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_BODY + 1), &mut bytes).map_err(failed)?;
            bytes
        }
    };
    let fits = bytes.len() as u64 <= MAX_BODY;
    if fits { Ok(bytes) } else { Err(LoadError::Plan("the body is larger than 64 MiB".to_owned())) }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::Arrivals;
    use expect_test::{Expect, expect};

    fn check(change: impl FnOnce(&mut LoadPlan), expected: Expect) {
        let mut plan = LoadPlan::new("http://127.0.0.1:1/x", Arrivals::Rate("5".parse().expect("rate")));
        change(&mut plan);
        let shown = match request(&plan, &plan.url.parse().expect("an address")) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).replace("\r\n", "|").replace(env!("CARGO_PKG_VERSION"), "V"),
            Err(e) => e.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn writes_the_request() {
        check(|_| {}, expect!["GET /x HTTP/1.1|host: 127.0.0.1:1|user-agent: skala-load/V||"]);
        check(
            |p| {
                p.method = "POST".into();
                p.body = RequestBody::Text("{}".into());
                p.headers = vec![("Host".into(), "a.example".into()), ("X-Key".into(), "1".into())];
                p.keep_alive = false;
            },
            expect!["POST /x HTTP/1.1|user-agent: skala-load/V|Host: a.example|X-Key: 1|connection: close|content-length: 2||{}"],
        );
    }

    #[test]
    fn refuses_with_the_reason() {
        let header = |n: &str, v: &str| vec![(n.to_owned(), v.to_owned())];
        check(|p| p.method = "get it".into(), expect!["'get it' is not a method: write GET, POST, PUT ..."]);
        check(|p| p.headers = header("a b", "1"), expect!["'a b' is not the name of a header"]);
        check(|p| p.headers = header("a", "1\r\nb: 2"), expect!["the value of header 'a' holds a control character"]);
        check(
            |p| p.headers = header("Content-Length", "1"),
            expect!["header 'Content-Length' is the generator's own: leave it out"],
        );
        check(|p| p.body = RequestBody::File("/nowhere".into()), expect!["read body /nowhere"]);
    }
}
