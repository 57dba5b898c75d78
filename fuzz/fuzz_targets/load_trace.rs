//! Traces: any file is summed up or refused with its line.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use skala_load::check_trace;

/// One file per process, in memory where there is such a place.
static FILE: LazyLock<std::path::PathBuf> = LazyLock::new(|| {
    let folder = std::path::Path::new("/dev/shm");
    let folder = if folder.is_dir() { folder.to_owned() } else { std::env::temp_dir() };
    folder.join(format!("skala-fuzz-{}.csv", std::process::id()))
});

fuzz_target!(|data: &[u8]| {
    std::fs::write(&*FILE, data).expect("room for a trace");
    match check_trace(&FILE) {
        Ok(summary) => {
            assert!(summary.rows > 0 && summary.requests > 0.0 && summary.requests.is_finite(), "{summary:?}");
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
    // A file that stays after a crash is overwritten by nobody; it is small.
    let _ = std::fs::remove_file(&*FILE);
});
