//! Clock, shutdown and live stations.
