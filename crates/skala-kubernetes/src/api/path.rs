//! URL paths of the API: which group, version, plural, namespace, name and subresource.
//!
//! Invariants: every segment and query value is percent-encoded, so that no name can leave its place in the path.
//! Tested: `tests` below.

use std::fmt::Write;

/// A path with its query, built step by step.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    /// `/api/v1` for the core group, `/apis/GROUP/VERSION` else. `group_version` is `v1` or `apps/v1`.
    pub(crate) fn group_version(group_version: &str) -> Path {
        let mut path = Path { text: String::new(), has_query: false };
        match group_version.split_once('/') {
            None => path = path.segment("api").segment(group_version),
            Some((group, version)) => path = path.segment("apis").segment(group).segment(version),
        }
        path
    }

    /// `/apis/GROUP`: the versions of a group.
    pub(crate) fn group(group: &str) -> Path {
        Path { text: String::new(), has_query: false }.segment("apis").segment(group)
    }

    /// Objects of a kind, in one namespace or in all.
    pub(crate) fn objects(group_version: &str, namespace: Option<&str>, plural: &str) -> Path {
        let path = Path::group_version(group_version);
        match namespace {
            Some(namespace) => path.segment("namespaces").segment(namespace).segment(plural),
            None => path.segment(plural),
        }
    }

    /// Group and plural: what all objects of a kind share, in whatever namespace.
    pub(crate) fn kind(&self) -> String {
        let path = self.text.split('?').next().unwrap_or_default();
        let mut segments = path.split('/').skip(1);
        let group = if segments.next() == Some("api") { "" } else { segments.next().unwrap_or_default() };
        let plural = match segments.nth(1) {
            Some("namespaces") => segments.nth(1).unwrap_or("namespaces"),
            other => other.unwrap_or_default(),
        };
        format!("{plural}.{group}")
    }

    /// One more segment.
    #[must_use]
    pub(crate) fn segment(mut self, segment: &str) -> Path {
        self.text.push('/');
        // A dot segment would be folded away by a proxy; no Kubernetes name is one.
        if segment == "." || segment == ".." {
            self.text.push_str(&segment.replace('.', "%2E"));
        } else {
            encode(&mut self.text, segment);
        }
        self
    }

    /// One more query parameter.
    #[must_use]
    pub(crate) fn query(mut self, key: &str, value: &str) -> Path {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        encode(&mut self.text, key);
        self.text.push('=');
        encode(&mut self.text, value);
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_core_and_grouped_kinds() {
        let rows = [
            (Path::objects("v1", Some("shop"), "pods"), "/api/v1/namespaces/shop/pods"),
            (Path::objects("apps/v1", None, "deployments"), "/apis/apps/v1/deployments"),
            (
                Path::objects("apps/v1", Some("a"), "deployments").segment("web").segment("scale"),
                "/apis/apps/v1/namespaces/a/deployments/web/scale",
            ),
            (
                Path::objects("v1", None, "pods").query("watch", "true").query("resourceVersion", "7"),
                "/api/v1/pods?watch=true&resourceVersion=7",
            ),
        ];
        for (path, expected) in rows {
            assert_eq!(path.as_str(), expected);
        }
    }

    #[test]
    fn no_name_leaves_its_place() {
        let path =
            Path::objects("v1", Some("../kube-system"), "secrets").segment("..").segment("a?b#c").query("l", "a=b,c in (d)");
        assert_eq!(path.as_str(), "/api/v1/namespaces/..%2Fkube-system/secrets/%2E%2E/a%3Fb%23c?l=a%3Db%2Cc%20in%20%28d%29");
    }
}
