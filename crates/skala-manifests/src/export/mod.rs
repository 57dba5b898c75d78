//! Manifests that skala prints for others to apply.

pub mod controller;

pub use controller::{ControllerExport, InvalidExport, SecretName};
