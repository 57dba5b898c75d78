//! The metadata that the server itself writes.
//!
//! Decides: uids, names made from prefixes, times, and which of an object's metadata a client cannot change.
//! Inputs: the object that a client sent, the one that is stored, the real clock.
//! Tested: `tests/kubernetes/server.rs`.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::status::{Cause, Status};

/// Members of metadata that only the server writes.
const SERVERS_OWN: &[&str] = &[
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
    "managedFields",
    "name",
    "namespace",
];

/// Letters of made-up names: no vowels, so that no words come out.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A random uid.
pub(crate) fn uid() -> String {
    let (a, b) = (random(), random());
    let (first, second, third) = (a >> 32, (a >> 16) & 0xffff, a & 0xfff);
    format!("{first:08x}-{second:04x}-4{third:03x}-{:04x}-{:012x}", 0x8000 | (b >> 48) & 0x3fff, b & 0xffff_ffff_ffff)
}

/// A random suffix of a name.
pub(crate) fn suffix(length: usize) -> String {
    let mut left = random();
    let mut letters = String::new();
    for _ in 0..length {
        letters.push(char::from(LETTERS[(left % LETTERS.len() as u64) as usize]));
        left /= LETTERS.len() as u64;
    }
    letters
}

/// A time as objects carry it, in whole seconds.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The time as objects carry it.
pub(crate) fn now() -> String {
    seconds(Timestamp::now())
}

/// A member of an object's metadata, as text.
pub(crate) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object["metadata"][member].as_str().unwrap_or("")
}

/// The metadata of an object, made where it is missing.
pub(crate) fn metadata(object: &mut Value) -> Result<&mut Map<String, Value>, Status> {
    let members = object.as_object_mut().ok_or_else(|| Status::bad_request("the object is not a JSON object"))?;
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    if metadata.is_null() {
        *metadata = json!({});
    }
    metadata.as_object_mut().ok_or_else(|| Status::bad_request("metadata is not a JSON object"))
}

/// Gives a new object its metadata.
pub(crate) fn begin(object: &mut Value, namespace: &str, counts: bool) -> Result<(), Status> {
    let metadata = metadata(object)?;
    for member in
        ["deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "selfLink", "generation", "managedFields"]
    {
        metadata.shift_remove(member);
    }
    let given = |metadata: &Map<String, Value>, member: &str| {
        metadata.get(member).and_then(Value::as_str).is_some_and(|name| !name.is_empty())
    };
    if !given(metadata, "name") && given(metadata, "generateName") {
        let prefix = metadata["generateName"].as_str().unwrap_or("").to_owned();
        metadata.insert("name".to_owned(), json!(prefix + &suffix(5)));
    }
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    metadata.insert("uid".to_owned(), json!(uid()));
    metadata.insert("creationTimestamp".to_owned(), json!(now()));
    if counts {
        metadata.insert("generation".to_owned(), json!(1));
    }
    Ok(())
}

/// Puts the server's own metadata of the stored object back into a changed one.
pub(crate) fn keep(object: &mut Value, stored: &Value) -> Result<(), Status> {
    let metadata = metadata(object)?;
    for member in SERVERS_OWN {
        match stored["metadata"].get(*member) {
            Some(value) => drop(metadata.insert((*member).to_owned(), value.clone())),
            None => drop(metadata.shift_remove(*member)),
        }
    }
    metadata.shift_remove("selfLink");
    Ok(())
}

/// Finalizers of an object; those that are not text are left out.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What is wrong with an object's name: it must be a DNS subdomain (RFC 1123), for roles any segment of a path.
pub(crate) fn check_name(name: &str, group: &str) -> Option<Cause> {
    if name.is_empty() {
        let message = "Required value: name or generateName is required".to_owned();
        return Some(Cause { message, ..Cause::required("metadata.name") });
    }
    if group == "rbac.authorization.k8s.io" {
        let bad = name == "." || name == ".." || name.contains(['/', '%']);
        return bad.then(|| Cause::invalid("metadata.name", &json!(name), "may not contain '/' or '%'"));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |l: &str| !l.is_empty() && l.starts_with(plain) && l.ends_with(plain) && l.chars().all(|c| plain(c) || c == '-');
    let good = name.len() <= 253 && name.split('.').all(label);
    let why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and \
               end with an alphanumeric character";
    (!good).then(|| Cause::invalid("metadata.name", &json!(name), why))
}

#[cfg(test)]
mod tests {
    use super::{check_name, suffix, uid};

    #[test]
    fn names_are_subdomains() {
        for good in ["a", "a-b.c", "0", "web-1.example.com"] {
            assert!(check_name(good, "").is_none(), "{good}");
        }
        for bad in ["", "A", "-a", "a-", "a..b", "a_b", "a/b"] {
            assert!(check_name(bad, "").is_some(), "{bad}");
        }
        assert!(check_name("system:auth", "rbac.authorization.k8s.io").is_none());
    }

    #[test]
    fn uids_and_suffixes_have_their_shape() {
        let one = uid();
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_ne!(one, uid());
        assert_eq!(suffix(5).len(), 5);
    }
}
