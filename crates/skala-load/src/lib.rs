//! Open-loop load generator and trace replay.
