//! The store under a running skala: when it cannot be used any longer, skala ends, and says so.

use std::io::{Seek as _, Write as _};

use skala_testkit::skala::PATIENCE;
use skala_testkit::wait::until;

use super::pushed;

#[test]
fn skala_ends_when_its_store_is_damaged_under_it() {
    let mut skala = pushed("replicas: 1", "timeout: 10s", "");
    skala.up_ready("worker", 1);
    skala.json(&["tasks", "enqueue", "work", "--body", "1", "--wait", "20s"]);
    for name in ["tasks.db", "tasks.db-wal"] {
        let path = skala.state_dir().join(name);
        let length = std::fs::metadata(&path).unwrap().len();
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.rewind().unwrap();
        file.write_all(&vec![0x5a; usize::try_from(length).unwrap()]).unwrap();
    }
    until("skala notices", PATIENCE, || {
        // What is refused or cut off is what is tested.
        skala.run(&["tasks", "enqueue", "work", "--body", "2"]);
        skala.said().contains("the store of tasks cannot be used any longer").then_some(())
    });
    assert_eq!(skala.wait().code(), Some(1), "{}", skala.said());
    assert!(skala.processes().is_empty(), "no replica is left");
}
