//! The write-ahead log's file, which is longer than the log.

use std::path::Path;

use skala_queue::{Change, Durability};
use skala_tasks::store::{Candidate, SqliteSettings, SqliteStore, Store};
use skala_types::Time;

/// The file of a log with room ahead, in bytes.
const ROOM: u64 = 1 << 20;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder.join("tasks.db"), SqliteSettings::default()).expect("opens")
}

fn pause(store: &mut SqliteStore, queue: &str) {
    store.commit(&[Change::Paused(queue.into(), true)], Durability::Fsync).expect("commits");
}

#[test]
fn room_ahead_in_the_log_is_no_part_of_it_after_a_crash() {
    let (folder, crashed) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut store = open(folder.path());
    store.lead(&Candidate { name: "test".into(), url: String::new() }, None).expect("leads");
    pause(&mut store, "first");
    pause(&mut store, "second");
    let length = std::fs::metadata(folder.path().join("tasks.db-wal")).expect("there is a log").len();
    assert!(length >= ROOM, "{length}");
    assert!(store.log_bytes() < ROOM, "{}", store.log_bytes());
    // What lies on the disk when the machine stops; the leader's lock is not copied, as it would be gone.
    for name in ["tasks.db", "tasks.db-wal"] {
        std::fs::copy(folder.path().join(name), crashed.path().join(name)).expect("copies");
    }
    let restored = open(crashed.path()).restored(Time::ZERO).expect("reads");
    let paused: Vec<&str> = restored.paused.iter().map(|name| name.as_str()).collect();
    assert_eq!(paused, ["first", "second"]);
}
