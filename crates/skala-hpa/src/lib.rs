//! Kubernetes' `autoscaling/v2`, exactly: one reconcile of a HorizontalPodAutoscaler as a pure function.
