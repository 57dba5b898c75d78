//! The lines of a replica's output, for the fuzz targets of `fuzz/`; no part of the crate's interface.

use super::lines::{self, Lines};

/// Bytes of a line that are kept.
pub const MAX_LINE: usize = lines::MAX_LINE;

/// The lines that output makes when it arrives in pieces of `cut` bytes.
pub fn log_lines(output: &[u8], cut: usize) -> Vec<String> {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    for piece in output.chunks(cut.max(1)) {
        lines.feed(piece, |line| found.push(line));
    }
    found.extend(lines.end());
    found
}
