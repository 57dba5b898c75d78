//! What a request asks for: the verb and the resource behind a method and a path.
//!
//! Decides: group, version, namespace, resource, name, subresource and verb.
//! Method: `k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`, because access rules are written in these words.
//! Invariants: any path and query is read without a panic; percent-encoding that is broken stays as it is.
//! Tested: `tests` below.

/// The query parameters, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|p| !p.is_empty());
        Query(pairs.map(|p| p.split_once('=').unwrap_or((p, ""))).map(|(k, v)| (decode(k, true), decode(v, true))).collect())
    }

    /// The value of a parameter; empty where it isn't given.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v)
    }

    pub(crate) fn is_given(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.0.iter().any(|(k, v)| k == name && matches!(v.as_str(), "true" | "1" | "t" | "T" | "True" | "TRUE"))
    }
}

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) verb: &'static str,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: String,
    /// The plural; empty for discovery and other paths.
    pub(crate) resource: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
}

impl Target {
    /// Reads a method, a path and the query.
    pub(crate) fn parse(method: &str, path: &str, query: &Query) -> Target {
        let parts: Vec<String> = path.split('/').filter(|p| !p.is_empty()).map(|p| decode(p, false)).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => return Target { verb: method_verb(method), ..Target::default() },
        };
        // `namespaces/NAME/status` and `.../finalize` are about the namespace itself, deeper paths about what lies in it.
        let (namespace, rest) = match rest {
            ["namespaces", name, sub @ ("status" | "finalize")] => (*name, &["namespaces", name, sub][..]),
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let at = |i: usize| rest.get(i).copied().unwrap_or("").to_owned();
        let mut target = Target {
            verb: method_verb(method),
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            resource: at(0),
            name: at(1),
            subresource: rest.get(2..).unwrap_or(&[]).join("/"),
        };
        if target.resource == "namespaces" && target.group.is_empty() && !target.name.is_empty() {
            target.namespace = String::new();
        }
        target.verb = match (target.verb, target.name.is_empty()) {
            ("get", true) if query.is_true("watch") => "watch",
            ("get", true) => "list",
            ("delete", true) => "deletecollection",
            (verb, _) => verb,
        };
        target
    }

    /// `pods`, `deployments.apps`.
    pub(crate) fn group_resource(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }
}

fn method_verb(method: &str) -> &'static str {
    match method {
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "get",
    }
}

/// Undoes percent-encoding.
fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex =
            bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Query, Target};

    fn read(method: &str, path: &str, query: &str) -> String {
        let t = Target::parse(method, path, &Query::parse(query));
        format!("{} {}|{}|{}|{}|{}|{}", t.verb, t.group, t.version, t.namespace, t.resource, t.name, t.subresource)
    }

    #[test]
    fn a_path_is_read_in_the_words_of_access_rules() {
        let rows = [
            ("GET", "/api/v1/pods", "", "list |v1||pods||"),
            ("GET", "/api/v1/namespaces/a/pods", "watch=1", "watch |v1|a|pods||"),
            ("GET", "/api/v1/namespaces/a/pods/p%2Dx", "", "get |v1|a|pods|p-x|"),
            ("GET", "/api/v1/namespaces", "", "list |v1||namespaces||"),
            ("PUT", "/api/v1/namespaces/a", "", "update |v1||namespaces|a|"),
            ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", "", "patch apps|v1|a|deployments|d|scale"),
            ("DELETE", "/apis/apps/v1/namespaces/a/deployments", "", "deletecollection apps|v1|a|deployments||"),
            (
                "GET",
                "/apis/custom.metrics.k8s.io/v1beta2/namespaces/a/pods/*/rps",
                "",
                "get custom.metrics.k8s.io|v1beta2|a|pods|*|rps",
            ),
            ("GET", "/apis/apps/v1", "", "get |||||"),
            ("POST", "/%zz", "", "create |||||"),
        ];
        for (method, path, query, want) in rows {
            assert_eq!(read(method, path, query), want, "{method} {path}");
        }
    }
}
