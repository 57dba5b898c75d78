//! One attempt by a process: its input, its output, its signals.
//!
//! Method: SIGTERM to the process's group when the timeout passes or the task is called off, SIGKILL after the grace; SIGKILL at once
//!   when the lease is gone. What its group leaves behind is killed when it ends.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use skala_queue::Now;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

use super::CommandSettings;
use super::exit::{Told, judge};
use super::fork::Forker;
use super::output::Output;
use crate::Job;
use crate::deliver::Ending;
use crate::deliver::keep::{Hold, Word};

/// How long pipes may stay open after the process's end and its group's death.
const PIPES: Duration = Duration::from_secs(1);
/// Longest time to stop when skala itself does.
const STOPPING: Duration = Duration::from_secs(3);

/// When an attempt is told to stop, and how much later it is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Instant,
    pub(super) grace: Duration,
}

/// Makes an attempt. `None`: what it came to no longer counts.
///
/// # Errors
/// When the process cannot be started.
pub(super) async fn make(
    forker: &Forker,
    settings: &CommandSettings,
    job: &Job,
    hold: &mut Hold,
    limits: Limits,
    now: Now,
) -> io::Result<Option<Ending>> {
    let begun = Instant::now();
    let mut child = forker.start(prepare(settings, job, now)).await?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = stdout.zip(stderr).ok_or_else(|| io::Error::other("a process without pipes"))?;
    let mut output = Output::default();
    let feed = async {
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&job.body).await; // one that reads nothing is fine
        }
    };
    let ended = {
        let talk = async { tokio::join!(feed, output.read(stdout, stderr)) };
        let mut talk = std::pin::pin!(talk);
        let mut is_talking = true;
        let mut waiting = std::pin::pin!(wait(&mut child, hold, limits));
        loop {
            tokio::select! {
                ended = &mut waiting => {
                    if is_talking {
                        let _ = tokio::time::timeout(PIPES, talk).await;
                    }
                    break ended;
                }
                _ = &mut talk, if is_talking => is_talking = false,
            }
        }
    };
    let (status, told) = ended?;
    let wall = now.wall + begun.elapsed();
    Ok(judge(status, told, &output, wall))
}

fn prepare(settings: &CommandSettings, job: &Job, now: Now) -> std::process::Command {
    let mut command = std::process::Command::new(&settings.command[0]);
    command.args(&settings.command[1..]).envs(settings.env.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = &settings.folder {
        command.current_dir(folder);
    }
    let leased = &job.leased;
    command
        .env("SKALA_TASK_ID", leased.id.to_string())
        .env("SKALA_FENCE", leased.fence.0.to_string())
        .env("SKALA_ATTEMPT", (leased.attempts + 1).to_string())
        .env("SKALA_QUEUE", job.queue.as_ref() as &str)
        .env("SKALA_TENANT", leased.tenant.as_ref() as &str)
        .env("SKALA_DEADLINE", (now.wall + leased.deadline.since(now.at)).to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the end, and brings it about where it must be.
async fn wait(child: &mut Child, hold: &mut Hold, limits: Limits) -> io::Result<(ExitStatus, Option<Told>)> {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let told = tokio::select! {
        status = child.wait() => {
            signal(group, Signal::SIGKILL);
            return Ok((status?, None));
        }
        word = hold.word() => Told::Word(word),
        () = tokio::time::sleep_until(limits.timeout.into()) => Told::Timeout,
    };
    let grace = match told {
        Told::Word(Word::Void) => Duration::ZERO,
        Told::Word(Word::Stopping) => limits.grace.min(STOPPING),
        _ => limits.grace,
    };
    if !grace.is_zero() {
        signal(group, Signal::SIGTERM);
    }
    let status = match tokio::time::timeout(grace, child.wait()).await {
        Ok(status) => status?,
        Err(_) => {
            signal(group, Signal::SIGKILL);
            child.wait().await?
        }
    };
    signal(group, Signal::SIGKILL);
    Ok((status, Some(told)))
}

fn signal(group: Option<Pid>, signal: Signal) {
    // A group that is no more needs no signal.
    let _ = group.map(|group| killpg(group, signal));
}
