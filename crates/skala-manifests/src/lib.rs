//! Kubernetes' objects as skala reads and writes them.

pub mod export;
