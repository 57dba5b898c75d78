//! Processes that are killed or stopped while they write.
//!
//! `SKALA_CRASH_ROUNDS=200 cargo test -p skala-tasks --test it kill_9` makes more rounds; `scripts/crash-store` does.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skala_queue::{Change, Durability, Seq, TaskId};
use skala_tasks::store::{Leadership, SqliteSettings, SqliteStore, Store, StoreError};
use skala_tasks::writer::{Told, Writer, WriterSettings, WriterState};

use crate::conformance::place::candidate;
use crate::conformance::rows::{at, commit, done, insert, load, row};

/// Ids of a group are this times its number and following; three are used.
const SPAN: u64 = 10;
/// A group ends the first task of the group so many before.
const LAG: u64 = 5;

fn group(seq: u64) -> Vec<Change> {
    let mut changes: Vec<Change> = (0..3).map(|n| insert(row(seq * SPAN + n))).collect();
    if seq > LAG {
        changes.push(done((seq - LAG) * SPAN, at(1_000_000)));
    }
    changes
}

/// What the processes of these tests do: lead, and write group after group, saying what is committed.
#[test]
#[ignore = "the other tests run it as a process of its own"]
fn the_writing_process() {
    let path = std::env::var("SKALA_CRASH_STORE").expect("the parent says where");
    let mut store = SqliteStore::open(path, SqliteSettings::default()).unwrap();
    let leads = store.lead(&candidate("child"), None).unwrap();
    assert!(matches!(leads, Leadership::Leads { .. }), "a killed leader is followed at once: {leads:?}");
    let first = load(&mut store, at(0)).restored.last_id / SPAN + 1;
    let tell = |told| match told {
        Told::Committed(Seq(seq)) => println!("\ncommitted {seq}"),
        Told::State(WriterState::Fenced { leader }) => {
            println!("\nfenced {leader}");
            std::process::exit(7);
        }
        Told::State(state) => println!("\nstate {state:?}"),
    };
    let writer = Writer::start(Box::new(store), WriterSettings::default(), tell).unwrap();
    for seq in first.. {
        let durability = if seq % 3 == 0 { Durability::Fsync } else { Durability::Os };
        writer.submit(Seq(seq), group(seq), durability);
        while !writer.has_room() || writer.waiting() > 40 {
            std::thread::yield_now();
        }
    }
}

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(path: &Path) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "crash::the_writing_process", "--nocapture"]).env("SKALA_CRASH_STORE", path);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Process { child, lines }
    }

    /// The next line that says something; none at the end.
    fn next(&mut self) -> Option<(String, String)> {
        let lines = self.lines.by_ref().map_while(Result::ok);
        let said = |line: String| line.split_once(' ').map(|(what, rest)| (what.to_owned(), rest.to_owned()));
        lines.filter_map(said).find(|(what, _)| ["committed", "fenced", "state"].contains(&what.as_str()))
    }

    fn committed(&mut self) -> u64 {
        let (what, seq) = self.next().expect("the child writes");
        assert_eq!(what, "committed", "{seq}");
        seq.parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every group up to some number is there wholly, and nothing of any other. Which number.
fn whole_groups(path: &Path) -> u64 {
    let mut store = SqliteStore::open(path, SqliteSettings::default()).unwrap();
    let told = load(&mut store, at(0));
    let last = told.restored.last_id / SPAN;
    let is_live = |seq: u64, n: u64| n > 0 || seq + LAG > last;
    let expected: Vec<u64> =
        (1..=last).flat_map(|seq| (0..3).filter(move |n| is_live(seq, *n)).map(move |n| seq * SPAN + n)).collect();
    assert_eq!(told.live.iter().map(|row| row.id.0).collect::<Vec<_>>(), expected);
    let mut reader = store.reader().unwrap();
    for seq in last.saturating_sub(20).max(1)..=last {
        let id = TaskId(seq * SPAN);
        assert!(reader.bodies(&[id]).unwrap()[0].is_some());
        assert_eq!(reader.result(id).unwrap().is_some(), seq + LAG <= last);
    }
    last
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    let rounds: u64 = std::env::var("SKALA_CRASH_ROUNDS").map_or(20, |n| n.parse().expect("a number of rounds"));
    let mut chance = 12345_u64;
    for round in 0..rounds {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut process = Process::start(&path);
        let mut acknowledged = 0;
        for _ in 0..1 + (chance >> 33) % 40 {
            acknowledged = process.committed();
        }
        process.signal(Signal::SIGKILL);
        while let Some((what, seq)) = process.next() {
            assert_eq!(what, "committed");
            acknowledged = seq.parse().unwrap();
        }
        drop(process);
        let there = whole_groups(&path);
        assert!(there >= acknowledged, "round {round}: {acknowledged} was acknowledged, {there} are there");
    }
}

#[test]
fn a_stopped_leader_that_wakes_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    let mut process = Process::start(&path);
    process.committed();
    let mut store =
        SqliteStore::open(&path, SqliteSettings { busy: Duration::from_millis(200), ..SqliteSettings::default() }).unwrap();
    let epoch = loop {
        process.signal(Signal::SIGSTOP);
        match store.lead(&candidate("second"), None) {
            Ok(Leadership::Follows { epoch, beat, .. }) => match store.lead(&candidate("second"), Some((epoch, beat))).unwrap() {
                Leadership::Leads { epoch } => break epoch,
                follows => panic!("stopped, and yet it beats: {follows:?}"),
            },
            // It was stopped while it held the file: nobody can write before it goes on.
            Err(StoreError::Busy(_)) => process.signal(Signal::SIGCONT),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(epoch, 2);
    let before = load(&mut store, at(0)).live.len();
    process.signal(Signal::SIGCONT);
    let fenced = std::iter::from_fn(|| process.next()).find(|(what, _)| what == "fenced");
    assert_eq!(fenced, Some(("fenced".to_owned(), "second".to_owned())));
    assert_eq!(process.child.wait().unwrap().code(), Some(7));
    assert_eq!(load(&mut store, at(0)).live.len(), before, "it wrote nothing after it was replaced");
    commit(&mut store, &[insert(row(u64::from(u32::MAX)))]);

    // The second one leads without the lock at first; a third must not take its lead for that.
    let mut third = SqliteStore::open(&path, SqliteSettings::default()).unwrap();
    assert!(matches!(third.lead(&candidate("third"), None).unwrap(), Leadership::Follows { epoch: 2, .. }));
    store.beat().unwrap();
    assert!(matches!(third.lead(&candidate("third"), None).unwrap(), Leadership::Follows { epoch: 2, .. }));
    drop(store);
    assert_eq!(third.lead(&candidate("third"), None).unwrap(), Leadership::Leads { epoch: 3 });
}
