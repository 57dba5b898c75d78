//! Kubernetes' objects as skala reads and writes them.
