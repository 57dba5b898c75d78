//! Files that are damaged, foreign or newer: refused with what to do, never a panic.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use skala_queue::{Change, TaskId};
use skala_tasks::store::{SqliteSettings, SqliteStore, Store, StoreError, recover};

use crate::conformance::place::lead_anyway;
use crate::conformance::rows::{at, commit, load, row};

/// Tasks in the file.
const TASKS: u64 = 500;

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, SqliteSettings::default())
}

fn filled(folder: &tempfile::TempDir) -> PathBuf {
    let path = folder.path().join("state").join("tasks.db");
    let mut store = open(&path).unwrap();
    lead_anyway(&mut store);
    let task = |id| Change::Insert(Box::new(row(id)), format!("the body of {id:05} {}", "x".repeat(200)).into());
    commit(&mut store, &(1..=TASKS).map(task).collect::<Vec<_>>());
    path
}

/// Changes a byte wherever `text` stands.
fn flip(path: &Path, text: &str) {
    let mut bytes = std::fs::read(path).unwrap();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(text.as_bytes())).collect();
    assert!(!places.is_empty(), "{text} is in the file");
    places.iter().for_each(|at| bytes[at + 4] ^= 1);
    std::fs::write(path, bytes).unwrap();
}

fn refusal<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Corrupt(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was taken"),
    }
}

fn says_how_to_recover(text: &str) {
    for part in ["tasks.db is damaged", "skala tasks recover ", "move the file away"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_damaged_body_is_seen_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(&folder);
    flip(&path, "the body of 00077");
    let mut store = open(&path).unwrap();
    assert_eq!(load(&mut store, at(0)).live.len() as u64, TASKS);
    let mut reader = store.reader().unwrap();
    let text = refusal(reader.bodies(&[TaskId(76), TaskId(77)]));
    assert!(text.contains(&TaskId(77).to_string()), "{text}");
    assert!(text.contains("DELETE FROM task WHERE id=77;"), "{text}");
    // The others can be read.
    assert!(reader.bodies(&[TaskId(76)]).unwrap()[0].is_some());
}

#[test]
fn a_damaged_row_is_seen_when_tasks_are_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(&folder);
    flip(&path, "ingest");
    let mut store = open(&path).unwrap();
    let text = refusal(store.load(at(0), &mut |_| {}));
    assert!(text.contains("does not match its checksum") && text.contains("DELETE FROM task WHERE id=1;"), "{text}");
    // What the text says helps.
    rusqlite::Connection::open(&path).unwrap().execute_batch("DELETE FROM task").unwrap();
    assert_eq!(load(&mut open(&path).unwrap(), at(0)).live, []);
}

#[test]
fn damaged_pages_are_seen_when_the_file_is_opened() {
    let whole = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(filled(&whole)).unwrap();
    let pages = bytes.len() / 4096;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    let mut seen = 0;
    for page in 0..pages {
        let mut bytes = bytes.clone();
        bytes[page * 4096..(page + 1) * 4096].iter_mut().enumerate().for_each(|(n, byte)| *byte ^= (n % 251) as u8 | 1);
        std::fs::write(&path, bytes).unwrap();
        // A free page holds nothing that could be damaged.
        if let Err(error) = open(&path) {
            says_how_to_recover(&refusal::<()>(Err(error)));
            seen += 1;
        }
    }
    assert!(seen + 2 >= pages, "{seen} of {pages} damaged pages were seen");
}

#[test]
fn what_is_whole_in_a_damaged_file_is_recovered() {
    let whole = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(filled(&whole)).unwrap();
    let pages = bytes.len() / 4096;
    let folder = tempfile::tempdir().unwrap();
    let (path, kept) = (folder.path().join("tasks.db"), folder.path().join("tasks.db.damaged"));
    let (mut saved, mut rounds) = (0, 0);
    // The first page says where everything is; without it there is nothing to read.
    for page in (1..pages).step_by(7) {
        let mut bytes = bytes.clone();
        for page in [page, (page + 7) % pages, (page + 23) % pages].into_iter().filter(|page| *page > 0) {
            bytes[page * 4096..(page + 1) * 4096].iter_mut().enumerate().for_each(|(n, byte)| *byte ^= (n % 251) as u8 | 1);
        }
        std::fs::write(&path, &bytes).unwrap();
        let found = recover(&path).unwrap();
        assert_eq!((std::fs::read(&kept).unwrap(), found.kept), (bytes, kept.clone()), "the damaged file is as it was");
        let mut store = open(&path).unwrap();
        let live = load(&mut store, at(0)).live;
        assert_eq!(live.len() as u64, found.tasks);
        let mut reader = store.reader().unwrap();
        for row in &live {
            let bodies = reader.bodies(&[row.id]).unwrap();
            assert!(
                bodies[0].as_ref().is_some_and(|(_, body)| body.starts_with(format!("the body of {:05}", row.id.0).as_bytes()))
            );
        }
        lead_anyway(&mut store);
        commit(&mut store, &[Change::Insert(Box::new(row(TASKS + 1)), "new".into())]);
        drop((reader, store));
        std::fs::remove_file(&kept).unwrap();
        (saved, rounds) = (saved + found.tasks, rounds + 1);
    }
    // Where a table's first page is among the damaged ones all of it is lost.
    assert!(saved * 10 > rounds * TASKS * 6, "{saved} of {} in {rounds} rounds", rounds * TASKS);
}

#[test]
fn a_recovery_disturbs_nobody_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(&folder);
    let mut store = open(&path).unwrap();
    lead_anyway(&mut store);
    let refused = recover(&path).unwrap_err();
    assert!(matches!(&refused, StoreError::Busy(text) if text.contains("stop it first")), "{refused}");
    drop(store);
    assert_eq!(recover(&path).unwrap().tasks, TASKS, "a whole file loses nothing");
    let refused = recover(&path).unwrap_err();
    assert!(matches!(&refused, StoreError::Busy(text) if text.contains("move it away first")), "{refused}");
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(&folder);
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
    says_how_to_recover(&refusal(open(&path)));
}

#[test]
fn a_file_that_is_no_store_of_tasks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    std::fs::write(&path, "platform: x\n".repeat(500)).unwrap();
    says_how_to_recover(&refusal(open(&path)));

    let path = folder.path().join("other.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs(x)").unwrap();
    let text = refusal(open(&path));
    assert!(text.contains("other.db is not a store of tasks"), "{text}");
}

#[test]
fn a_newer_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(&folder);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let text = refusal(open(&path));
    assert!(text.contains("newer skala (version 9"), "{text}");
}

#[test]
fn only_its_owner_may_read_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(&folder);
    let store = open(&path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(store);
}
