//! Runs one service on the local platform and prints its events: `local_host [--no-guardian] STATE_DIR COMMAND [ARG]...`.
//!
//! Decides: nothing; the tests of what happens when skala is killed use it as the skala to kill.
//! Tested: `tests/local/guardian.rs`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use skala_controller::platform::{LocalConfig, LocalPlatform, Platform, ProcessSpec, ReadyWhen, guardian_main};
use skala_types::{ReplicaId, Time};

/// The verb under which this program is the guardian.
const GUARDIAN: &str = "__guardian";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args == [GUARDIAN] {
        guardian_main();
    }
    let guarded = args.first().is_none_or(|arg| arg != "--no-guardian");
    args.drain(..usize::from(!guarded));
    let [state_dir, command @ ..] = args.as_slice() else { return Err("usage: local_host STATE_DIR COMMAND".into()) };

    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(Time::ZERO, |since| Time::ZERO + since);
    let mut config = LocalConfig::new(state_dir, Arc::new(clock));
    config.guardian = match guarded {
        true => Some(vec![std::env::current_exe()?.display().to_string(), GUARDIAN.into()]),
        false => None,
    };
    let mut spec = ProcessSpec::new(command.to_vec());
    spec.readiness.when = ReadyWhen::Logs("ready".into());
    let (platform, mut events) = LocalPlatform::new(config, BTreeMap::from([("app".into(), spec)]))?;
    platform.start(&"app".into(), ReplicaId(1))?;
    let mut out = std::io::stdout();
    while let Some(event) = events.recv().await {
        writeln!(out, "{event}")?;
    }
    Ok(())
}
