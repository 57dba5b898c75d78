//! Checkpoints, size, restart.

use super::*;

#[test]
fn checkpoints_of_a_cluster_are_read_and_written() {
    let config = Config::default();
    let state = busy_week(&config);
    let checkpoint = state.to_checkpoint();
    assert_eq!(checkpoint.cpu_histogram.bucket_weights.values().max(), Some(&10_000));
    let text = serde_json::to_string(&checkpoint).unwrap();
    let back = State::from_checkpoint(&config, &serde_json::from_str(&text).unwrap()).unwrap();
    let now = at(7 * DAY);
    let (mine, theirs) = (recommend(&config, &state, now).unwrap(), recommend(&config, &back, now).unwrap());
    assert_eq!(
        (mine.memory, mine.cpu.lower_bound, mine.cpu.upper_bound),
        (theirs.memory, theirs.cpu.lower_bound, theirs.cpu.upper_bound)
    );
    let pasted = r#"{"version":"v3","firstSampleStart":"2026-01-02T03:04:05Z","totalSamplesCount":7,"lastUpdateTime":"2026-01-02T03:04:05Z",
        "cpuHistogram":{"referenceTimestamp":"2026-01-02T00:00:00Z","bucketWeights":{"0":1,"1":2},"totalWeight":6}}"#;
    let pasted: Checkpoint = serde_json::from_str(pasted).unwrap();
    let loaded = State::from_checkpoint(&config, &pasted).unwrap();
    assert_eq!((loaded.samples, loaded.cpu.parts().2[..3].to_vec()), (7, vec![2.0, 4.0, 0.0]));
    let refused = |change: fn(&mut Checkpoint)| {
        let mut c = pasted.clone();
        change(&mut c);
        State::from_checkpoint(&config, &c).unwrap_err().to_string()
    };
    assert_eq!(refused(|c| c.version = "v1".to_owned()), "checkpoint version 'v1' is not v3");
    assert_eq!(refused(|c| c.cpu_histogram.total_weight = -1.0), "cpuHistogram: buckets or weights that cannot be");
    assert_eq!(
        refused(|c| c.cpu_histogram.bucket_weights = BTreeMap::from([(176, 1)])),
        "cpuHistogram: buckets or weights that cannot be"
    );
    assert_eq!(refused(|c| c.total_samples_count = -1), "totalSamplesCount is negative");
    assert_eq!(refused(|c| c.first_sample_start = Some("now".into())), "firstSampleStart: 'now' is not an RFC 3339 time");
}

#[test]
fn the_state_is_small_and_survives_a_restart() {
    let config = Config::default();
    let mut state = busy_week(&config);
    state.add_oom(&config, B, at(7 * DAY), Amount(2048 * MIB));
    let text = serde_json::to_string(&state).unwrap();
    assert!(text.len() < 2000, "{} bytes", text.len());
    let mut back: State = serde_json::from_str(&text).unwrap();
    assert_eq!(back, state);
    back.retain_replicas(|id| id == A);
    assert_eq!(back.replicas.len(), 1);
    // A fleet that never ends.
    let mut state = State::new(&config);
    for id in 0..12_000 {
        state.add_cpu(&config, ReplicaId(id), at(id), 0.5);
    }
    assert!(state.replicas.len() <= 10_000 && state.samples == 12_000);
}
