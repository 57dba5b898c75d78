//! Quantities, durations and selectors: what is read prints, and reads back as the same.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use skala_manifests::object::Labels;
use skala_manifests::{Quantity, Selector, Span};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    if let Ok(quantity) = text.parse::<Quantity>() {
        let again: Quantity = quantity.to_string().parse().expect("what is printed can be read");
        assert_eq!(again, quantity, "{text}");
        assert!(quantity.as_f64().is_finite());
        if let Ok(milli) = quantity.milli() {
            assert_eq!(quantity.is_negative(), milli < 0, "rounding goes away from zero");
            assert!(Quantity::from_milli(milli) >= quantity || quantity.is_negative());
        }
    }
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string().parse::<Span>().as_ref(), Ok(&span));
    }
    if let Ok(selector) = text.parse::<Selector>() {
        let again: Selector = selector.to_string().parse().expect("what is printed can be read");
        let labels: Labels = [("a", "b"), ("c", ""), ("d", "7")].into_iter().collect();
        for set in [&labels, &Labels::default()] {
            assert_eq!(selector.matches(set), again.matches(set), "{text}");
        }
    }
    Corpus::Keep
});
