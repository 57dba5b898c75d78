//! The platform file: any text loads or is refused with a reason, in a moment, and no problem shows a secret.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use skala_spec::{LoadOptions, Source, load};

/// Stands for what must not be shown.
const SECRET: &str = "hunter2-s3cret";

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    if text.contains(SECRET) {
        return Corpus::Reject;
    }
    let env = |name: &str| match name {
        "EMPTY" => Some(String::new()),
        name if name.len() < 12 => Some(SECRET.to_owned()),
        _ => None,
    };
    let read_file = |name: &str| if name.len() < 12 { Ok(SECRET.to_owned()) } else { Err("there is no such file".to_owned()) };
    for environment in [None, Some("staging")] {
        let options = LoadOptions { environment, env: &env, read_file: &read_file };
        let loaded = load(&Source { name: "skala.yaml", text }, &options);
        assert!(loaded.platform.is_some() || loaded.has_errors(), "refused without a reason");
        for problem in &loaded.problems {
            let (span, shown) = (problem.span, problem.to_string());
            assert!(!shown.contains(SECRET), "{shown}");
            assert!(span.start <= span.end && span.line >= 1 && span.column >= 1, "{shown}");
            assert!(text.get(span.start..span.end).is_some(), "{shown}");
            assert_ne!(problem.code, "E0299", "the schema and the types disagree");
        }
    }
    Corpus::Keep
});
