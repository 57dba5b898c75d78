//! What label keys and values look like.
//!
//! Method: Kubernetes' rules: a name of at most 63 letters, digits, `-`, `_`, `.` that begins and ends with a letter or digit; a key
//!   may have a DNS subdomain of at most 253 characters and a slash in front; a value may be empty.

/// Longest name or value.
const NAME: usize = 63;
/// Longest prefix of a key.
const PREFIX: usize = 253;

pub(super) fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
        None => is_name(key),
    }
}

pub(super) fn is_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= NAME
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

fn is_subdomain(prefix: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let label = |l: &str| {
        let bytes = l.as_bytes();
        bytes.first().copied().is_some_and(plain)
            && bytes.last().copied().is_some_and(plain)
            && bytes.iter().all(|b| plain(*b) || *b == b'-')
    };
    prefix.len() <= PREFIX && prefix.split('.').all(label)
}

/// A user's text, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
