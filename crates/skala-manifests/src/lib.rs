//! Kubernetes' objects as skala reads and writes them.
//!
//! Decides: what a quantity, a selector, a pod, an autoscaler or a `decide` document says, and how a manifest becomes a platform file.
//! Inputs: text, and `now`.
//! Method: lean types that hold the fields which are read; unknown fields are ignored, because objects are pasted as `kubectl`
//!   prints them, and wrong types are errors with the JSON path.
//! Invariants: no input panics; what cannot be read or carried over is named.
//! Tested: beside each module; `tests/it`.

pub mod decide;
pub mod import;
pub mod object;
pub mod quantity;

pub mod selector;
pub mod span;
pub mod stamp;
pub mod yaml;

pub use quantity::{Milli, Quantity, QuantityError};

pub use selector::Selector;
pub use span::Span;
pub use stamp::Stamp;
