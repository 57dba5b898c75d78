//! The identity of one run of skala in a state folder, and the end of what an earlier run left.
//!
//! Decides: whether the folder may be used, and which processes are leftovers.
//! Inputs: `<state folder>/instance`: the last run's id, then its control groups, one per line.
//! Method: the file is locked (flock(2)) while skala lives; the kernel frees the lock however skala ends.
//! Invariants: nothing is killed while another skala holds the folder; only folders named after the instance are removed; a file that
//! belongs to another user, or that is a link, names nothing to kill.
//! Tested: `tests` below; `tests/local/guardian.rs` leaves processes behind.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, geteuid};
use skala_runtime::private;

use super::cgroup::{kill_group, remove_tree};
use super::procfs::{Census, Leader, Process, process};
use crate::platform::PlatformError;

/// Time after which processes that do not die (stuck in the kernel) are left alone.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks for survivors.
const PAUSE: Duration = Duration::from_millis(20);

/// What must not outlive an instance; the guardian gets a copy.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Charge {
    /// The id in the processes' marker.
    pub(super) instance: String,
    /// Folders that hold the replicas' control groups.
    pub(super) cgroups: Vec<PathBuf>,
    /// Main processes, which lead process groups of the same number.
    pub(super) leaders: BTreeMap<u32, Leader>,
    /// Set when all is in order and nobody needs to be killed any more.
    pub(super) done: bool,
}

impl Charge {
    /// The name of the folders that hold an instance's control groups.
    pub(super) fn folder_name(instance: &str) -> String {
        format!("skala-{instance}")
    }

    /// Kills every process of the instance and removes its control groups. True when nothing is left.
    pub(super) fn end(&self) -> bool {
        let mut census = Census::new(&self.instance);
        let deadline = Instant::now() + KILL_LIMIT;
        let mut quiet = 0;
        while quiet < 2 && Instant::now() < deadline {
            self.cgroups.iter().for_each(|dir| kill_group(dir));
            for (pid, leader) in &self.leaders {
                kill_process_group(*pid, leader.start);
            }
            let alive: Vec<Process> = census.take(&self.leaders).into_values().flatten().filter(Process::alive).collect();
            alive.iter().for_each(|process| signal_process(process, Signal::SIGKILL));
            quiet = if alive.is_empty() { quiet + 1 } else { 0 };
            std::thread::sleep(PAUSE);
        }
        while self.cgroups.iter().filter(|dir| !remove_tree(dir)).count() > 0 && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
        quiet >= 2
    }
}

/// Sends a signal to a process, unless it is gone or its number belongs to another process by now.
///
/// Finding the processes of a tree takes a while on a large machine; between this look and the signal there are microseconds.
pub(super) fn signal_process(target: &Process, signal: Signal) {
    let Some(pid) = i32::try_from(target.pid).ok().filter(|pid| *pid > 1) else { return };
    if process(target.pid).is_some_and(|now| now.start == target.start) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Sends SIGKILL to a process group, unless its number belongs to another process by now.
pub(super) fn kill_process_group(leader: u32, start: u64) {
    signal_process_group(leader, start, Signal::SIGKILL);
}

/// Sends a signal to a process group, unless its number belongs to another process by now.
///
/// The number is not given again while the group has members, so a leader that is gone does no harm.
pub(super) fn signal_process_group(leader: u32, start: u64, signal: Signal) {
    let Some(group) = i32::try_from(leader).ok().filter(|pid| *pid > 1) else { return };
    if process(leader).is_none_or(|p| p.start == start) {
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// A claimed state folder.
#[derive(Debug)]
pub(super) struct Instance {
    /// 16 hexadecimal digits, new with every run.
    pub(super) id: String,
    file: File,
    path: PathBuf,
}

impl Instance {
    /// Claims a state folder, ends what an earlier run left in it, and takes a new id.
    ///
    /// # Errors
    /// When another skala holds the folder or it cannot be written.
    pub(super) fn claim(state_dir: &Path) -> Result<Instance, PlatformError> {
        let path = state_dir.join("instance");
        let failed = |source| PlatformError::StateDir { path: path.clone(), source };
        private::make_folder(state_dir).and_then(|()| private::make_folder(&super::logs_dir(state_dir))).map_err(failed)?;
        let mut open = OpenOptions::new();
        open.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
        let mut file = open.open(&path).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => PlatformError::InUse { path: path.clone() },
            TryLockError::Error(source) => failed(source),
        })?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let own = file.metadata().map_err(failed)?.uid() == geteuid().as_raw();
        if let Some(previous) = previous(&text).filter(|_| own)
            && !previous.end()
        {
            tracing::warn!(instance = previous.instance, "processes of an earlier run could not be killed");
        }
        let id = new_id().map_err(failed)?;
        let mut instance = Instance { id, file, path };
        instance.record(&[])?;
        Ok(instance)
    }

    /// Writes down the control groups in use, for the next run to clear away.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn record(&mut self, cgroups: &[PathBuf]) -> Result<(), PlatformError> {
        let mut text = format!("{}\n", self.id);
        for dir in cgroups {
            text.push_str(&format!("{}\n", dir.display()));
        }
        let mut write = || {
            self.file.rewind()?;
            self.file.set_len(0)?;
            self.file.write_all(text.as_bytes())
        };
        write().map_err(|source| PlatformError::StateDir { path: self.path.clone(), source })
    }
}

fn previous(text: &str) -> Option<Charge> {
    let mut lines = text.lines();
    let instance = lines.next().filter(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()))?.to_owned();
    let name = Charge::folder_name(&instance);
    let cgroups = lines.map(PathBuf::from).filter(|dir| dir.is_absolute() && dir.ends_with(&name)).collect();
    Some(Charge { instance, cgroups, ..Charge::default() })
}

fn new_id() -> io::Result<String> {
    let mut bytes = [0u8; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_skala_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Instance::claim(folder.path()).unwrap();
        assert!(matches!(Instance::claim(folder.path()), Err(PlatformError::InUse { .. })));
        let id = first.id.clone();
        drop(first);
        assert_ne!(Instance::claim(folder.path()).unwrap().id, id);
    }

    /// Changing a file's owner needs root; where the tests run as somebody else, only the link is tried.
    #[test]
    fn a_file_of_somebody_else_names_nothing_to_kill() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instance");
        let id = "0123456789abcdef";
        let mut mark = std::process::Command::new("sleep");
        let mut sleep = mark.arg("60").env(crate::platform::local::procfs::MARKER, format!("{id}/api-1")).spawn().unwrap();
        std::fs::write(&path, id).unwrap();
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_ok() {
            drop(Instance::claim(folder.path()).unwrap());
            assert!(sleep.try_wait().unwrap().is_none(), "killed by a file of another user");
        }
        std::fs::write(folder.path().join("elsewhere"), id).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert!(matches!(Instance::claim(folder.path()), Err(PlatformError::StateDir { .. })));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, id).unwrap();
        drop(Instance::claim(folder.path()).unwrap());
        assert!(!sleep.wait().unwrap().success(), "its own leftovers are killed");
    }

    #[test]
    fn a_number_that_was_given_again_is_not_signalled() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = process(child.id()).unwrap();
        let mut earlier = found;
        earlier.start -= 1;
        signal_process(&earlier, Signal::SIGKILL);
        kill_process_group(child.id(), earlier.start);
        assert!(child.try_wait().unwrap().is_none());
        signal_process(&found, Signal::SIGKILL);
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn only_the_instance_and_its_own_folders_are_believed() {
        let shown = |text: &str| previous(text).map(|charge| (charge.instance, charge.cgroups.len()));
        let id = "0123456789abcdef";
        assert_eq!(shown(""), None);
        assert_eq!(shown("garbage\n/sys"), None);
        assert_eq!(shown(&format!("{id}\n/c/skala-{id}\n/c\nskala-{id}\n")), Some((id.into(), 1)));
    }
}
