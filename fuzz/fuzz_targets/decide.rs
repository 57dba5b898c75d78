//! `skala decide`: any stream is answered or refused; a refused document changes nothing, and an answer's history goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_manifests::decide::{Documents, decide};
use skala_types::Time;

fuzz_target!(|data: &[u8]| {
    for document in Documents::bounded(data, 1 << 16) {
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                assert!(!error.message.is_empty() && error.line.is_some_and(|l| l > 0), "{error:?}");
                continue;
            }
        };
        let answer = decide(&document, Some(Time::from_secs(1_800_000_000)));
        if answer.error.is_some() || !answer.rescale {
            assert_eq!(answer.desired_replicas, answer.current_replicas);
        } else {
            let (desired, hpa) = (answer.desired_replicas.expect("a rescale has a size"), document.hpa.as_ref().expect("and an autoscaler"));
            assert!(desired >= 0 && desired <= hpa.spec.max_replicas, "{desired}");
            assert!(desired >= hpa.spec.min_replicas.unwrap_or(1).min(answer.current_replicas.unwrap_or(0)), "{desired}");
        }
        let shrinks = answer.desired_replicas < answer.current_replicas;
        assert!(!shrinks || document.unavailable.is_empty() || answer.metrics.iter().all(|m| m.error.is_none()), "{answer:?}");
        let text = serde_json::to_string(&answer).expect("plain data");
        assert!(!text.contains('\n'));
        assert!(answer.explanation.len() < 10_000_000);
    }
});
