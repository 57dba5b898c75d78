//! The decision core: how many replicas a service should have, and why.
