//! One run of a verb: bounded in time, with what it printed.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;

use super::PATIENCE;
use crate::wait::try_until;

/// What came of a verb.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed for programs.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started or does not end within twice [`PATIENCE`]; it is killed then.
#[track_caller]
pub(super) fn run(mut command: Command) -> Ran {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let read = |mut from: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = from.read_to_end(&mut bytes); // what was read until an error is shown
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(Box::new(child.stdout.take().expect("stdout is piped")));
    let stderr = read(Box::new(child.stderr.take().expect("stderr is piped")));
    let status = try_until(2 * PATIENCE, || child.try_wait().expect("a child can be waited for"));
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    let Some(status) = status else { panic!("{command:?} does not end; it said: {stdout}{stderr}") };
    Ran { code: status.code(), stdout, stderr }
}
