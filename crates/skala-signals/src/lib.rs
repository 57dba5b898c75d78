//! Reads the numbers that live elsewhere.
