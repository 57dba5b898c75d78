//! The platform file: grammar, spans, validation, environments, JSON schema.
//!
//! Decides: what a `skala.yaml` means, and everything that is wrong with it, in one run.
//! Inputs: the text; the environment and the files that it refers to, as functions.
//! Method: YAML to a tree with places, overlays merged on the tree, one walk along the JSON schema that is generated from the
//!   types of [`model`], then checks across fields on whatever decoded well.
//! Invariants: no input panics; a [`Platform`] that [`load()`] returns has no errors; problems never show a secret.
//! Tested: `tests/it`.

mod check;
pub mod edit;
mod expand;
mod explain;
mod load;
mod lower;
pub mod model;
mod overlay;
mod problem;
mod reference;
pub mod scalar;
mod schema;
mod semantic;
mod suggest;
mod tree;
mod yaml;

pub use explain::{Child, ExplainError, Explanation, explain};
pub use load::{LoadOptions, Loaded, Source, load};
pub use lower::{BudgetOf, CeleryQueue, Delivery, Scaler, ScheduledRequest, SourceOf, TaskQueue, TaskSchedule, VerticalAxis};
pub use model::Platform;
pub use problem::{Problem, Severity, Span};
pub use reference::reference_page;
pub use schema::json_schema;
pub use suggest::nearest;
