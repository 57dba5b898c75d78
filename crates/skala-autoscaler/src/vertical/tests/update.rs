//! When a change is worth it.

use super::*;

#[test]
fn when_a_change_is_worth_it() {
    let span = |lower, target, upper| Span {
        lower_bound: Amount(lower),
        target: Amount(target),
        upper_bound: Amount(upper),
        uncapped_target: Amount(target),
    };
    let recommended = Recommendation { cpu: span(100, 200, 400), memory: span(1000, 2000, 4000), confidence: 1.0, notes: vec![] };
    let judge = |cpu: Option<u64>, memory: Option<u64>, age_min: Option<u64>, oom_min: Option<u64>, used: Option<u64>| {
        let request = Resources { cpu: cpu.map(Amount), memory: memory.map(Amount) };
        let oom_after = oom_min.map(|m| Duration::from_secs(60 * m));
        let running = Running { request, memory_used: used.map(Amount), oom_after };
        let started = age_min.map(|_| at(0));
        let worth = worth_updating(&UpdateRule::default(), &[(running, recommended.clone())], started, at(age_min.unwrap_or(0)));
        match worth {
            Worth::Apply { why, grows, .. } => format!("{why:?}{}", if grows { " grows" } else { "" }),
            Worth::TooYoung { .. } => "too young".to_owned(),
            Worth::TooSmall { difference } => format!("too small: {difference}"),
            Worth::MemoryInUse { .. } => "in use".to_owned(),
        }
    };
    let rows = [
        (Some(90), Some(2000), Some(1), None, None, "OutOfBounds grows"),
        (Some(500), Some(2000), Some(1), None, None, "OutOfBounds"),
        (None, Some(2000), Some(1), None, None, "OutOfBounds grows"),
        (Some(150), Some(2000), Some(719), None, None, "too young"),
        (Some(150), Some(2000), Some(720), None, None, "Drifted grows"),
        (Some(150), Some(2000), None, None, None, "too young"),
        (Some(190), Some(2000), Some(720), None, None, "too small: 0.05263157894736842"),
        // A tenth exactly, over both resources: 10/200 + 100/2000.
        (Some(200), Some(2000), Some(720), None, None, "too small: 0"),
        (Some(150), Some(2000), Some(1), Some(9), None, "QuickOom grows"),
        (Some(150), Some(2000), Some(1), Some(10), None, "too young"),
        (Some(200), Some(2000), Some(1), Some(9), None, "too small: 0"),
        (Some(90), Some(3000), Some(1), None, Some(2500), "in use"),
        (Some(90), Some(1500), Some(1), None, Some(2500), "OutOfBounds grows"),
    ];
    for (cpu, memory, age, oom, used, expected) in rows {
        assert_eq!(judge(cpu, memory, age, oom, used), expected, "{cpu:?} {memory:?} {age:?} {oom:?} {used:?}");
    }
}
