//! A disk without room.

use std::path::Path;
use std::process::Command;

use skala_queue::{Change, Durability};
use skala_tasks::store::{SqliteSettings, SqliteStore, Store, StoreError};

use crate::conformance::place::lead_anyway;
use crate::conformance::rows::{at, commit, ids, insert, row};

fn great(id: u64) -> Change {
    Change::Insert(Box::new(row(id)), vec![id as u8; 60_000].into())
}

#[test]
fn a_file_at_its_bound_takes_nothing_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = SqliteSettings { max_pages: Some(60), ..SqliteSettings::default() };
    let mut store = SqliteStore::open(folder.path().join("tasks.db"), settings).unwrap();
    lead_anyway(&mut store);
    commit(&mut store, &[great(1)]);
    let refused = store.commit(&[insert(row(2)), great(3), great(4), great(5)], Durability::Fsync).unwrap_err();
    assert!(matches!(&refused, StoreError::Full(text) if text.contains("tasks.db")), "{refused}");
    assert_eq!(ids(&mut store, at(0)).0, [1]);
    // What there is room for is taken, and once there is room the rest.
    commit(&mut store, &[insert(row(2))]);
    commit(&mut store, &[Change::Delete(skala_queue::TaskId(1)), great(3)]);
    assert_eq!(ids(&mut store, at(0)).0, [2, 3]);
}

/// A small disk in memory, where one may make such.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path()).output().ok()?;
        mount.status.success().then_some(Disk(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_takes_nothing_and_loses_nothing() {
    let Some(disk) = Disk::mount() else {
        assert!(!nix::unistd::geteuid().is_root(), "root without the right to mount: the bound of the file is tested alone");
        return;
    };
    let mut store = SqliteStore::open(disk.path().join("tasks.db"), SqliteSettings::default()).unwrap();
    lead_anyway(&mut store);
    commit(&mut store, &[great(1)]);
    let filler = disk.path().join("filler");
    // As much as there is room for.
    assert!(std::fs::write(&filler, vec![0; 4 << 20]).is_err());
    let refused = store.commit(&[insert(row(2)), great(3)], Durability::Fsync).unwrap_err();
    assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
    assert!(store.sweep(at(0), &[]).is_ok());
    assert_eq!(ids(&mut store, at(0)).0, [1]);
    std::fs::remove_file(&filler).unwrap();
    store.commit(&[insert(row(2)), great(3)], Durability::Fsync).unwrap();
    drop(store);
    let mut store = SqliteStore::open(disk.path().join("tasks.db"), SqliteSettings::default()).unwrap();
    assert_eq!(ids(&mut store, at(0)).0, [1, 2, 3]);
}
