//! How a process ended, in words.
//!
//! Decides: the sentence that `status`, events and logs show.
//! Inputs: the wait status; whether the kernel killed something in the group for want of memory; the memory limit.
//! Tested: `tests` below; `tests/local/`.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use skala_types::Bytes;

/// Describes an end that skala did not cause.
pub(super) fn describe(status: ExitStatus, oom_kills: u64, limit: Option<Bytes>) -> String {
    let memory = match (oom_kills > 0, limit) {
        (true, Some(limit)) => Some(format!("out of memory (limit {limit})")),
        (true, None) => Some("out of memory".to_owned()),
        (false, _) => None,
    };
    match (status.code(), status.signal()) {
        (_, Some(number)) if number == Signal::SIGKILL as i32 => match memory {
            Some(memory) => format!("killed by the kernel: {memory}"),
            None => "killed by signal 9 (SIGKILL), not by skala".to_owned(),
        },
        (Some(code), _) => with(format!("exited with status {code}"), memory),
        (None, Some(number)) => with(format!("killed by signal {number}{}", name(number)), memory),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

fn with(text: String, memory: Option<String>) -> String {
    match memory {
        Some(memory) => format!("{text} after the kernel killed a process of it: {memory}"),
        None => text,
    }
}

fn name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| String::new(), |signal| format!(" ({signal})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_in_words() {
        let limit = Some(Bytes(64 << 20));
        let rows = [
            (1 << 8, 0, limit, "exited with status 1"),
            (0, 0, None, "exited with status 0"),
            (15, 0, None, "killed by signal 15 (SIGTERM)"),
            (11, 0, None, "killed by signal 11 (SIGSEGV)"),
            (64, 0, None, "killed by signal 64"),
            (9, 0, limit, "killed by signal 9 (SIGKILL), not by skala"),
            (9, 1, limit, "killed by the kernel: out of memory (limit 64Mi)"),
            (9, 1, None, "killed by the kernel: out of memory"),
            (3 << 8, 2, limit, "exited with status 3 after the kernel killed a process of it: out of memory (limit 64Mi)"),
        ];
        for (raw, kills, limit, want) in rows {
            assert_eq!(describe(ExitStatus::from_raw(raw), kills, limit), want);
        }
    }
}
