//! Headers of tasks as they are shown.
//!
//! Decides: which values nobody but the task's worker may see. A request that became a task carries its client's credentials.
//! Tested: `tests` below.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Names of headers that carry credentials, or parts of such names.
const SECRET: [&str; 7] = ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password"];
/// What is shown instead.
const HIDDEN: &str = "***";

/// Headers without the values of those that carry credentials.
pub(super) fn shown(headers: &BTreeMap<String, String>) -> Value {
    let one = |(name, value): (&String, &String)| {
        let lower = name.to_ascii_lowercase();
        let is_secret = SECRET.iter().any(|secret| lower.contains(secret));
        (name.clone(), if is_secret { HIDDEN } else { value.as_str() }.into())
    };
    headers.iter().map(one).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let rows = [
            ("Authorization", "***"),
            ("cookie", "***"),
            ("Proxy-Authorization", "***"),
            ("X-Api-Key", "***"),
            ("x-amz-security-token", "***"),
            ("traceparent", "00-ab-cd-01"),
            ("X-Own", "1"),
        ];
        let headers =
            rows.map(|(name, shown)| (name.to_owned(), if shown == "***" { "s3cret" } else { shown }.to_owned())).into();
        let shown = shown(&headers);
        for (name, want) in rows {
            assert_eq!(shown[name], want, "{name}");
        }
    }
}
