//! The note that a running skala leaves in its state folder, so that other verbs find it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Who runs, and where its admin API listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Its process.
    pub pid: u32,
    /// Its admin API.
    pub admin: SocketAddr,
    /// Its gateway.
    pub gateway: SocketAddr,
    /// Where the tasks' API answers; none: the platform has no tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<String>,
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("instance.json")
}

impl Instance {
    /// Leaves the note; whole or not at all.
    ///
    /// # Errors
    /// When the state folder cannot be written.
    pub fn write(&self, state_dir: &Path) -> io::Result<()> {
        let new = state_dir.join("instance.json.new");
        std::fs::write(&new, serde_json::to_vec(self)?)?;
        std::fs::rename(new, path(state_dir))
    }

    /// Reads the note; `None` when there is none.
    pub fn read(state_dir: &Path) -> Option<Instance> {
        serde_json::from_slice(&std::fs::read(path(state_dir)).ok()?).ok()
    }

    /// Whether the process that left the note may still run: there is one of its number.
    pub fn is_alive(&self) -> bool {
        i32::try_from(self.pid).is_ok_and(|pid| pid > 0 && kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
    }

    /// Takes the note away.
    pub fn remove(state_dir: &Path) {
        // A note that stays is found to be stale by whoever reads it.
        let _ = std::fs::remove_file(path(state_dir));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_lives_as_long_as_its_process() {
        let note = |pid| Instance { pid, admin: ([127, 0, 0, 1], 1).into(), gateway: ([127, 0, 0, 1], 2).into(), tasks: None };
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let rows = [(std::process::id(), true), (1, true), (child.id(), false), (0, false), (u32::MAX, false)];
        for (pid, alive) in rows {
            assert_eq!(note(pid).is_alive(), alive, "{pid}");
        }
    }
}
