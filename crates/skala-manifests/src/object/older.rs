//! The older forms of a HorizontalPodAutoscaler: v1 with its annotations, v2beta1, v2beta2.
//!
//! Decides: what an older object means in the form of `autoscaling/v2`.
//! Method: a JSON tree in, with its `apiVersion`; v1's annotations hold v2beta1 texts as the API server wrote them.
//! Tested: `tests/it/objects.rs`.
