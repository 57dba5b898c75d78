//! Traces of every form: any bytes give arrivals in order and steps that follow one another, or a fault in one line of text.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use skala_trace::{Arrivals as _, Item, ReadOptions, Steps as _, Trace, TraceError};

/// Drawn arrivals of absurd rates would take for ever.
const ENOUGH: usize = 20_000;

fuzz_target!(|data: &[u8]| {
    let sort = data.first().filter(|b| **b % 2 == 1).map(|_| Duration::from_secs(30));
    let trace = Trace::text(data.to_vec(), ReadOptions { sort, ..ReadOptions::default() });
    for outcome in [arrivals(&trace), steps(&trace)] {
        if let Err(error) = outcome {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
});

fn arrivals(trace: &Trace) -> Result<(), TraceError> {
    let mut arrivals = trace.arrivals()?;
    let mut last = Duration::ZERO;
    for _ in 0..ENOUGH {
        let (from, to) = match arrivals.next()? {
            Some(Item::Arrival(a)) => (a.at, a.at),
            Some(Item::Hole { from, to }) => (from, to),
            None => break,
        };
        assert!(last <= from && from <= to, "{last:?} {from:?} {to:?}");
        last = to;
    }
    Ok(())
}

fn steps(trace: &Trace) -> Result<(), TraceError> {
    let mut steps = trace.steps(Duration::from_secs(60))?;
    let mut last = Duration::ZERO;
    for _ in 0..ENOUGH {
        let Some(step) = steps.next()? else { break };
        assert!(last <= step.from && step.from < step.to, "{last:?} {step:?}");
        assert!(step.rate.is_none_or(|r| r.is_finite() && r >= 0.0) && step.gap_scv.is_finite(), "{step:?}");
        last = step.to;
    }
    Ok(())
}
