//! Files and folders that other users of the machine neither read nor change.
//!
//! Decides: with which permissions skala makes what it keeps (0700 and 0600: output of replicas and decisions are nobody else's
//! business).
//! Invariants: what exists keeps its permissions, so that whoever opened it up on purpose is obeyed.
//! Tested: `tests` below.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a folder and those above it where they are missing.
///
/// # Errors
/// What the system said.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a folder that must not exist, so that nobody can have prepared it.
///
/// # Errors
/// What the system said; [`io::ErrorKind::AlreadyExists`] when there is something of that name, be it a link.
pub fn make_new_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// How to open a file to append to; it is made where it is missing.
pub fn to_append() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private_and_what_exists_is_left() {
        let folder = std::env::temp_dir().join(format!("skala-private-{}", std::process::id()));
        make_new_folder(&folder).unwrap();
        assert_eq!(make_new_folder(&folder).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let inner = folder.join("a/b");
        make_folder(&inner).unwrap();
        to_append().open(inner.join("f")).unwrap();
        // The process's own mask may take away more.
        assert_eq!([mode(&folder) & 0o077, mode(&inner) & 0o077, mode(&inner.join("f")) & 0o177], [0, 0, 0]);
        fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        make_folder(&inner).unwrap();
        assert_eq!(mode(&inner), 0o755);
        fs::remove_dir_all(folder).unwrap();
    }
}
