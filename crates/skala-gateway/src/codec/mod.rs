//! The HTTP/1 codec: heads, bodies and header rules as plain functions over bytes.
//!
//! Nothing in here knows of sockets or time, so every rule is tested by feeding bytes, split wherever a network may split them.

pub(crate) mod body;
pub(crate) mod chunked;
pub(crate) mod fields;
#[cfg(test)]
mod properties;
pub(crate) mod reject;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod rewrite;
pub(crate) mod scan;
