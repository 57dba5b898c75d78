//! A small second process that ends every replica when skala dies, however it dies.
//!
//! Decides: nothing; it waits for the end of its standard input, which the kernel closes when skala is gone.
//! Inputs: lines on standard input: `instance ID`, `cgroup PATH`, `leaders PID:START ...`, `done`.
//! Method: the parent-death signal takes a replica's main process only; the guardian takes the rest of its tree. It has its own
//! session and another name, so that a Ctrl-C or a `pkill` meant for skala does not reach it.
//! Invariants: it never acts while skala lives, nor after `done`; skala starts it again if it dies.
//! Tested: `tests` below; `tests/local/guardian.rs`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::setsid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::sync::watch;

use super::instance::Charge;
use super::procfs::Leader;

/// The guardian's name in process lists.
const NAME: &std::ffi::CStr = c"sk-guard";
/// Pause before a guardian that died is replaced.
const RESTART: Duration = Duration::from_millis(500);
/// Time given to the guardian to leave at the end.
const LEAVE: Duration = Duration::from_secs(2);

/// Runs the guardian: the body of a hidden verb of the binary, whose command is given as [`super::LocalConfig::guardian`].
pub fn guardian_main() -> ! {
    // Each of these fails only if it holds already, and none is needed for the work itself.
    let _ = setsid();
    let _ = prctl::set_name(NAME);
    let _ = std::env::set_current_dir("/");
    let _ = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]).thread_block();
    let charge = listen(std::io::stdin().lock());
    if !charge.done && !charge.instance.is_empty() {
        charge.end();
    }
    std::process::exit(0)
}

/// Reads until the input ends.
fn listen(input: impl BufRead) -> Charge {
    let mut charge = Charge::default();
    for line in input.lines().map_while(Result::ok) {
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("instance", id) => charge.instance = id.to_owned(),
            ("cgroup", path) => charge.cgroups.push(path.into()),
            ("leaders", list) => charge.leaders = leaders(list),
            ("done", _) => charge.done = true,
            _ => {}
        }
    }
    charge
}

fn leaders(list: &str) -> BTreeMap<u32, Leader> {
    let leader = |entry: &str| {
        let (pid, start) = entry.split_once(':')?;
        Some((pid.parse().ok()?, Leader { tag: "-".into(), start: start.parse().ok()? }))
    };
    list.split(' ').filter_map(leader).collect()
}

/// What of a charge never changes, as lines.
fn introduction(charge: &Charge) -> String {
    let mut text = format!("instance {}\n", charge.instance);
    for dir in &charge.cgroups {
        text.push_str(&format!("cgroup {}\n", dir.display()));
    }
    text
}

/// What of a charge changes, as lines.
fn lines(charge: &Charge) -> String {
    let mut text = String::new();
    let list: Vec<String> = charge.leaders.iter().map(|(pid, leader)| format!("{pid}:{}", leader.start)).collect();
    text.push_str(&format!("leaders {}\n", list.join(" ")));
    if charge.done {
        text.push_str("done\n");
    }
    text
}

/// Keeps a guardian running and informed until the charge is done or nobody holds it.
pub(super) async fn keep(command: Vec<String>, mut charge: watch::Receiver<Charge>) {
    let mut complained = false;
    loop {
        let first = introduction(&charge.borrow());
        match start(&command, &first) {
            Ok((mut child, mut input)) => {
                complained = false;
                if inform(&mut child, &mut input, &mut charge).await {
                    drop(input);
                    let _ = tokio::time::timeout(LEAVE, child.wait()).await; // it may still be ending what an aborted run left
                    return;
                }
                tracing::warn!("the guardian process died; it is started again");
                let _ = child.kill().await;
            }
            Err(error) if !complained => {
                complained = true;
                tracing::warn!(command = command.join(" "), %error, "the guardian process cannot be started; processes may outlive skala if it is killed");
            }
            Err(_) => {}
        }
        tokio::time::sleep(RESTART).await;
        if charge.has_changed().is_err() || charge.borrow().done {
            return;
        }
    }
}

/// Starts a guardian that finds `first` in its input, so that it knows whom it guards from its first moment on.
fn start(command: &[String], first: &str) -> std::io::Result<(Child, ChildStdin)> {
    let (program, args) = command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(args).arg0(NAME.to_string_lossy().as_ref());
    // A pipe holds at least 4 KiB (pipe(7)): a name and a few paths do not wait for a reader.
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(first.as_bytes())?;
    command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null());
    let child = tokio::process::Command::from(command).spawn()?;
    let input = ChildStdin::from_std(std::process::ChildStdin::from(OwnedFd::from(writer)))?;
    Ok((child, input))
}

/// Sends the charge and its changes; true when all is done, false when the guardian died.
async fn inform(child: &mut Child, input: &mut ChildStdin, charge: &mut watch::Receiver<Charge>) -> bool {
    loop {
        let (text, done) = {
            let charge = charge.borrow_and_update();
            (lines(&charge), charge.done)
        };
        if input.write_all(text.as_bytes()).await.is_err() {
            return false;
        }
        if done {
            return true;
        }
        tokio::select! {
            _ = child.wait() => return false,
            changed = charge.changed() => if changed.is_err() {
                return true;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_understood() {
        let leader = |start| Leader { tag: "-".into(), start };
        let mut charge = Charge { instance: "0f".into(), cgroups: vec!["/a b/c".into()], ..Charge::default() };
        let mut sent = introduction(&charge) + &lines(&charge);
        charge.leaders = BTreeMap::from([(12, leader(3456)), (13, leader(7))]);
        sent.push_str(&lines(&charge));
        assert_eq!(listen(sent.as_bytes()), charge);
        charge.leaders.remove(&12);
        charge.done = true;
        sent.push_str(&lines(&charge));
        assert_eq!(listen(sent.as_bytes()), charge);
        assert_eq!(listen(&b"leaders x:y 1 :\n\xff\n"[..]), Charge::default());
    }
}
