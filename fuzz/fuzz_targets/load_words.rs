//! The load generator's words: rates, conditions, durations, addresses.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::{Corpus, fuzz_target};
use skala_load::{MAX_RATE, Rate, Target, Threshold, parse_duration};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    if let Ok(rate) = text.parse::<Rate>() {
        let length = rate.length().unwrap_or(Duration::from_secs(3600));
        for at in [Duration::ZERO, Duration::from_nanos(1), length / 2, length, length * 2] {
            assert!((0.0..=MAX_RATE).contains(&rate.at(at)), "{} at {at:?}", rate.at(at));
        }
        assert!(!rate.to_string().is_empty() && !rate.pieces().is_empty());
    }
    if let Ok(threshold) = text.parse::<Threshold>() {
        assert_eq!(threshold.text().parse::<Threshold>().as_ref(), Ok(&threshold), "it reads back as another");
    }
    if let Ok(duration) = parse_duration(text) {
        assert!(duration <= Duration::from_secs(100 * 366 * 86_400));
    }
    if text.parse::<Target>().is_ok() {
        assert!(!text.bytes().any(|b| b <= b' ' || b == 0x7f), "it could break out of the request line");
    }
    Corpus::Keep
});
