//! The note that a running skala leaves in its state folder, so that other verbs find it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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

    /// Takes the note away.
    pub fn remove(state_dir: &Path) {
        // A note that stays is found to be stale by whoever reads it.
        let _ = std::fs::remove_file(path(state_dir));
    }
}
