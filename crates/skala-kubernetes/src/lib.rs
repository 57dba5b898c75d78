//! The controller on Kubernetes.
