//! What fuzzers reach: rows as they lie in the file, behind a checksum that is right.

use skala_queue::{Phase, TaskId};

use super::codec::{pack_bytes, pack_progressed, pack_row, unpack_bytes, unpack_progressed, unpack_row, unpack_row_label};
use super::words::Words;

/// Reads bytes as each part of a row. Those that say a row must say the same after they are written again.
///
/// # Panics
/// When they do not.
pub fn row(content: &[u8]) {
    let (id, mut words, mut sealed, mut again) = (TaskId(7), Words::default(), Vec::new(), Vec::new());
    // Content without its checksum, so that the fuzzer need not find one.
    pack_bytes(id, content, &mut sealed);
    assert!(unpack_bytes(TaskId(8), sealed.clone()).is_err(), "another task's bytes were taken");
    assert!(unpack_bytes(id, sealed.clone()).is_ok_and(|bytes| bytes == content));
    if let Ok(row) = unpack_row(id, &sealed, "q".into(), &mut words) {
        pack_row(&row, &mut again);
        let label = unpack_row_label(id, &again, &mut words);
        assert!(label.is_ok_and(|label| label == row.label));
        assert!(unpack_row(id, &again, "q".into(), &mut words).is_ok_and(|read| read == row), "{row:?}");
    }
    if let Ok(progressed) = unpack_progressed(id, &sealed, Phase::Ready) {
        pack_progressed(id, &progressed, &mut again);
        assert!(unpack_progressed(id, &again, Phase::Ready).is_ok_and(|read| read == progressed), "{progressed:?}");
    }
}
