//! What the end of a command means.
//!
//! Decides: done, failed, again later, never, or lost, from exit code, signal and output; what it cost and when it may come again, from
//!   what it said.
//! Method: 0 is done, 65 (`EX_DATAERR` of sysexits.h) cannot be cured by a repetition, 75 (`EX_TEMPFAIL`) says that what it needs has
//!   no capacity, other codes failed. A process that a signal killed, or whose shell says 137, is a lost lease: losses have a
//!   bound of their own, for a task that eats all memory would come for ever.
//! Tested: `tests` below; `tests/it/command.rs`.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use skala_queue::{Cause, Death};
use skala_types::Time;

use super::output::Output;
use crate::deliver::ending::{Ending, LONGEST_RESULT, death};
use crate::deliver::keep::Word;
use crate::deliver::quantity::{micros, pause};
use crate::deliver::result;

/// The data is wrong.
const DATAERR: i32 = 65;
/// Try again later.
const TEMPFAIL: i32 = 75;
/// What a shell answers for a child that was killed: 128 and the signal's number.
const KILLED: i32 = 128 + Signal::SIGKILL as i32;

/// Why skala told a command to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Its timeout passed.
    Timeout,
    /// By somebody.
    Word(Word),
}

/// Judges an end; `None` when it no longer counts.
pub(super) fn judge(status: ExitStatus, told: Option<Told>, output: &Output, wall: Time) -> Option<Ending> {
    let ending = match (status.code(), told) {
        (_, Some(Told::Word(Word::Void))) => return None,
        (Some(0), _) => done(output),
        (_, Some(Told::Word(Word::Stopping))) => Ending::Unbegun,
        (_, Some(Told::Word(Word::Cancelled))) => Ending::failed(Cause::Failed, "it was called off"),
        (_, Some(Told::Timeout)) => Ending::failed(Cause::Timeout, format!("stopped at its timeout: {}", words(status, true))),
        (Some(DATAERR), None) => Ending::failed(Cause::Rejected, words(status, false)),
        (Some(TEMPFAIL), None) => Ending::failed(Cause::Limited, words(status, false)),
        (None | Some(KILLED), None) => Ending::failed(Cause::Lost, words(status, false)),
        (Some(_), None) => match output.said.retry.as_deref() {
            Some("no") => Ending::failed(Cause::Rejected, words(status, false)),
            _ => Ending::failed(Cause::Failed, words(status, false)),
        },
    };
    Some(with_words(ending, output, wall))
}

fn done(output: &Output) -> Ending {
    if output.is_too_long {
        let words = format!("wrote more than {LONGEST_RESULT} bytes to stdout; keep results elsewhere and print where they are");
        return Ending::failed(Cause::Rejected, words);
    }
    Ending::Done { result: result::from_output(&output.stdout), cost: None }
}

/// With its cost, the pause that it asks for, and the end of its log.
fn with_words(ending: Ending, output: &Output, wall: Time) -> Ending {
    let cost = output.said.cost.as_deref().and_then(micros);
    match ending {
        Ending::Done { result, .. } => Ending::Done { result, cost },
        Ending::Failed { death: told, .. } => {
            let log = output.stderr.iter().cloned().collect();
            let retry_after = output.said.retry_after.as_deref().and_then(|text| pause(text, wall));
            Ending::Failed { death: Death { log, ..death(told.cause, told.message) }, retry_after, cost }
        }
        Ending::Unbegun => Ending::Unbegun,
    }
}

fn words(status: ExitStatus, by_skala: bool) -> String {
    let memory = if by_skala { "" } else { " (out of memory?)" };
    match (status.code(), status.signal()) {
        (Some(DATAERR), _) => "exit code 65: its input is wrong".to_owned(),
        (Some(TEMPFAIL), _) => "exit code 75: try again later".to_owned(),
        (Some(KILLED), _) => format!("exit code 137: SIGKILL{memory}"),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(Signal::SIGKILL) => format!("killed by SIGKILL{memory}"),
            Ok(signal) => format!("killed by {signal}"),
            Err(_) => format!("killed by signal {number}"),
        },
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: i32, told: Option<Told>) -> String {
        let output = Output { stdout: b"7\n".to_vec(), ..Output::default() };
        match judge(ExitStatus::from_raw(raw), told, &output, Time::ZERO) {
            None => "void".into(),
            Some(Ending::Done { result, .. }) => format!("done {result:?}"),
            Some(Ending::Failed { death, .. }) => format!("{:?}: {}", death.cause, death.message),
            Some(Ending::Unbegun) => "unbegun".into(),
        }
    }

    #[test]
    fn each_end_has_its_meaning() {
        let rows = [
            (check(0, None), "done Some(b\"7\")"),
            (check(0, Some(Told::Timeout)), "done Some(b\"7\")"),
            (check(1 << 8, None), "Failed: exit code 1"),
            (check(65 << 8, None), "Rejected: exit code 65: its input is wrong"),
            (check(75 << 8, None), "Limited: exit code 75: try again later"),
            (check(137 << 8, None), "Lost: exit code 137: SIGKILL (out of memory?)"),
            (check(9, None), "Lost: killed by SIGKILL (out of memory?)"),
            (check(11, None), "Lost: killed by SIGSEGV"),
            (check(15, Some(Told::Timeout)), "Timeout: stopped at its timeout: killed by SIGTERM"),
            (check(9, Some(Told::Timeout)), "Timeout: stopped at its timeout: killed by SIGKILL"),
            (check(15, Some(Told::Word(Word::Cancelled))), "Failed: it was called off"),
            (check(15, Some(Told::Word(Word::Stopping))), "unbegun"),
            (check(9, Some(Told::Word(Word::Void))), "void"),
        ];
        for (got, want) in rows {
            assert_eq!(got, want);
        }
    }
    #[test]
    fn what_it_said_counts_beside_its_exit_code() {
        let said = |text: &str| Some(text.to_owned());
        let mut output = Output::default();
        output.said = super::super::output::Said { cost: said("0.002"), retry: said("no"), retry_after: said("30") };
        let judge = |raw| judge(ExitStatus::from_raw(raw), None, &output, Time::ZERO);
        assert_eq!(judge(0), Some(Ending::Done { result: None, cost: Some(2000) }));
        let Some(Ending::Failed { death, retry_after, cost }) = judge(1 << 8) else { panic!("it failed") };
        assert_eq!((death.cause, retry_after, cost), (Cause::Rejected, Some(std::time::Duration::from_secs(30)), Some(2000)));
        let Some(Ending::Failed { death, retry_after, .. }) = judge(75 << 8) else { panic!("it failed") };
        assert_eq!((death.cause, retry_after), (Cause::Limited, Some(std::time::Duration::from_secs(30))));
    }
}
