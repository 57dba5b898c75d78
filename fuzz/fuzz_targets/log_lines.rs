//! A replica's output: lines are bounded, safe to print, and the same however the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_controller::platform::local::fuzzing::{MAX_LINE, log_lines};
use skala_fuzz::settings;

fuzz_target!(|data: &[u8]| {
    let Some((cut, _, output)) = settings(data) else { return };
    let lines = log_lines(output, output.len());
    assert_eq!(lines, log_lines(output, cut), "the cut of {cut} bytes changes the lines");
    for line in lines {
        // An escape takes up to eleven characters for each byte kept.
        assert!(line.len() <= MAX_LINE * 11 + 64, "{} bytes", line.len());
        let mut coloured = false;
        let mut rest = &line[..];
        while let Some(c) = rest.chars().next() {
            if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
                let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';').expect("a colour ends");
                assert!(sequence[end..].starts_with('m'), "not a colour: {line:?}");
                coloured = !matches!(&sequence[..end], "" | "0");
                rest = &sequence[end + 1..];
                continue;
            }
            assert!(!c.is_control() || c == '\t', "{c:?} in {line:?}");
            rest = &rest[c.len_utf8()..];
        }
        assert!(!coloured, "its colour goes on: {line:?}");
    }
});
