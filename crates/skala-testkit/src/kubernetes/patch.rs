//! Patches: four ways to say what should be different.
//!
//! Decides: the object after a patch, or why the patch cannot be.
//! Inputs: the object, the patch's bytes and its media type.
//! Method: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) by the crate `json-patch`; the strategic merge in
//!   `strategic.rs`; server-side apply in `apply.rs`.
//! Tested: `tests/kubernetes/client.rs`, `tests/kubernetes/kubectl.rs`.

use serde_json::Value;

use super::kinds::Kind;
use super::status::Status;
use super::{apply, strategic};

/// Operations that one JSON Patch may have, as the real server bounds them.
const MOST_OPERATIONS: usize = 10_000;

/// A patch, as the media type says.
pub(crate) enum Patch {
    Json(json_patch::Patch),
    Merge(Value),
    Strategic(Value),
    Apply { config: Value, manager: String, force: bool },
}

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    /// When the media type is none of a patch, or the bytes are no such patch.
    pub(crate) fn read(media: &str, bytes: &[u8], kind: &Kind, manager: &str, force: bool) -> Result<Patch, Status> {
        let wrong = |error: serde_json::Error| Status::bad_request(format!("error decoding patch: {error}"));
        let object = || -> Result<Value, Status> {
            let value: Value = serde_json::from_slice(bytes).map_err(wrong)?;
            if value.is_object() { Ok(value) } else { Err(Status::bad_request("error decoding patch: it is not a JSON object")) }
        };
        match media {
            "application/json-patch+json" => {
                let patch: json_patch::Patch = serde_json::from_slice(bytes).map_err(wrong)?;
                if patch.0.len() > MOST_OPERATIONS {
                    let message =
                        format!("The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}", patch.0.len());
                    return Err(Status::new(413, "RequestEntityTooLarge", message));
                }
                Ok(Patch::Json(patch))
            }
            "application/merge-patch+json" => Ok(Patch::Merge(object()?)),
            "application/strategic-merge-patch+json" if !kind.custom => Ok(Patch::Strategic(object()?)),
            "application/apply-patch+yaml" if manager.is_empty() => {
                let message =
                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
                Err(Status::new(422, "Invalid", message))
            }
            "application/apply-patch+yaml" => Ok(Patch::Apply { config: object()?, manager: manager.to_owned(), force }),
            _ => {
                let strategic = if kind.custom { "" } else { ", application/strategic-merge-patch+json" };
                let message = format!(
                    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, \
                     application/merge-patch+json{strategic}, application/apply-patch+yaml"
                );
                Err(Status::unsupported(message))
            }
        }
    }

    pub(crate) fn is_apply(&self) -> bool {
        matches!(self, Patch::Apply { .. })
    }

    /// The object after the patch.
    pub(crate) fn change(&self, kind: &Kind, subresource: &str, mut object: Value) -> Result<Value, Status> {
        match self {
            Patch::Json(patch) => {
                json_patch::patch(&mut object, patch).map_err(|error| {
                    let message = format!("the server rejected our request due to an error in our request: {error}");
                    Status::new(422, "Invalid", message)
                })?;
                Ok(object)
            }
            Patch::Merge(patch) => {
                json_patch::merge(&mut object, patch);
                Ok(object)
            }
            Patch::Strategic(patch) => strategic::merge(object, patch),
            Patch::Apply { config, manager, force } => {
                apply::apply(kind, object, config, &apply::Applier { manager, force: *force, subresource })
            }
        }
    }
}
