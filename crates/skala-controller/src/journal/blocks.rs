//! Packing of decisions: one compressed block of JSON lines per service and few minutes.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::{Decision, JournalError};

/// A block is never unpacked beyond this many bytes; it protects against a damaged file.
const MAX_UNPACKED: u64 = 256 << 20;

/// Packs decisions, in order.
pub(super) fn pack(decisions: &[Decision]) -> Result<Vec<u8>, JournalError> {
    let corrupt = |e: &dyn std::fmt::Display| JournalError::Corrupt(e.to_string());
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    for decision in decisions {
        serde_json::to_writer(&mut encoder, decision).map_err(|e| corrupt(&e))?;
        encoder.write_all(b"\n").map_err(|e| corrupt(&e))?;
    }
    encoder.finish().map_err(|e| corrupt(&e))
}

/// Unpacks what [`pack`] packed.
pub(super) fn unpack(block: &[u8]) -> Result<Vec<Decision>, JournalError> {
    let mut text = String::new();
    let mut decoder = DeflateDecoder::new(block).take(MAX_UNPACKED);
    decoder.read_to_string(&mut text).map_err(|e| JournalError::Corrupt(format!("a block of decisions: {e}")))?;
    let parse = |line| serde_json::from_str(line).map_err(|e| JournalError::Corrupt(format!("a packed decision: {e}")));
    text.lines().map(parse).collect()
}
