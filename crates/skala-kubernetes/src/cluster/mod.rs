//! What the controller reads from and writes to the cluster, beside its watches.

pub(crate) mod discovery;
pub(crate) mod once;
pub(crate) mod samples;
pub(crate) mod scale;
pub(crate) mod secrets;

pub(crate) use discovery::{Discovery, Located};
pub(crate) use once::Once;
pub(crate) use scale::{ScaleObject, Scales};
