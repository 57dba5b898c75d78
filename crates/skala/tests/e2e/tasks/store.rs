//! The store under a running skala: when it cannot be used any longer, skala ends, and says so.

use std::process::Command;

use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use super::{await_done, ids, pushed};

/// Takes every table away from under whoever writes them.
const SPOIL: &str = r#"
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
db.execute("BEGIN IMMEDIATE")
for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
    db.execute(f'ALTER TABLE "{name}" RENAME TO "{name}_gone"')
db.execute("COMMIT")
"#;

#[test]
fn skala_ends_when_its_store_is_spoiled_under_it() {
    let mut skala = pushed("replicas: 1", "timeout: 5s", "");
    skala.up_ready("worker", 1);
    skala.json(&["tasks", "enqueue", "work", "--body", "1", "--wait", "20s"]);
    let spoilt = Command::new("python3").args(["-c", SPOIL]).arg(skala.state_dir().join("tasks.db")).output().unwrap();
    assert!(spoilt.status.success(), "{}", String::from_utf8_lossy(&spoilt.stderr));
    // Refused or cut off; the next beat of the leader fails all the same.
    skala.run(&["tasks", "enqueue", "work", "--body", "2"]);
    let words = "the store of tasks cannot be used any longer";
    until("skala notices", PATIENCE, || skala.said().contains(words).then_some(()));
    assert_eq!(skala.wait().code(), Some(1), "{}", skala.said());
    assert!(skala.said().contains("no such table"), "{}", skala.said());
    until("no replica is left", PATIENCE, || skala.processes().is_empty().then_some(()));
}

/// What `sqlite3 tasks.db ".backup copy.db"` does.
const COPY: &str = r#"
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db, sqlite3.connect(sys.argv[2]) as copy: db.backup(copy)
"#;

#[test]
fn a_copy_that_was_made_while_skala_ran_can_be_put_in_place() {
    let mut skala = pushed("replicas: 1", "timeout: 5s", "");
    skala.up_ready("worker", 1);
    skala.ok(&["tasks", "pause", "work"]);
    let kept = ids(&skala.json(&["tasks", "enqueue", "work", "--body", "1"]));
    let [store, copy] = ["tasks.db", "copy.db"].map(|name| skala.state_dir().join(name));
    let copied = Command::new("python3").args(["-c", COPY]).args([&store, &copy]).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    skala.json(&["tasks", "enqueue", "work", "--body", "2"]);
    skala.down();
    for name in ["tasks.db-wal", "tasks.db-shm"] {
        // The last process to close the store may have taken them away.
        let _ = std::fs::remove_file(skala.state_dir().join(name));
    }
    std::fs::rename(&copy, &store).unwrap();
    skala.up_ready("worker", 1);
    assert_eq!(ids(&skala.json(&["tasks", "list"])), kept, "and the queue still pauses");
    skala.ok(&["tasks", "resume", "work"]);
    await_done(&skala, "work", 1);
    skala.down();
}
