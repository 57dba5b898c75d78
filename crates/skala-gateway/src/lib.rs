//! The HTTP/1.1 gateway.
#[allow(dead_code)]
mod codec;
