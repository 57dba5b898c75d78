//! Manifests that skala prints for others to apply.

pub mod controller;

pub use controller::{AUTOSCALER_CRD, ControllerExport, InvalidExport, SecretName};
