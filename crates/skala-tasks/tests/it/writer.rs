//! The writing thread, over a store that fails on demand.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skala_queue::{Change, Durability, Keep, Restored, Seq, TaskId};
use skala_tasks::store::{Candidate, Leadership, Loaded, MemoryStore, Reader, Store, StoreError};
use skala_tasks::writer::{Told, Writer, WriterSettings, WriterState};
use skala_types::{Text, Time};

use crate::conformance::place::lead_anyway;
use crate::conformance::rows::{at, done, ids, insert, row};

/// What the next commits answer; then they succeed.
type Failures = Arc<Mutex<Vec<StoreError>>>;
/// What was committed: how many changes, how durably.
type Commits = Arc<Mutex<Vec<(usize, Durability)>>>;

struct Failing {
    inner: MemoryStore,
    failures: Failures,
    commits: Commits,
    /// A commit waits here.
    gate: Arc<Mutex<()>>,
}

impl Store for Failing {
    fn lead(&mut self, me: &Candidate, expected: Option<(u32, u64)>) -> Result<Leadership, StoreError> {
        self.inner.lead(me, expected)
    }
    fn beat(&mut self) -> Result<(), StoreError> {
        self.inner.beat()
    }
    fn resign(&mut self) -> Result<(), StoreError> {
        self.inner.resign()
    }
    fn load(&mut self, now: Time, each: &mut dyn FnMut(Loaded<'_>)) -> Result<Restored, StoreError> {
        self.inner.load(now, each)
    }
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        drop(self.gate.lock().unwrap());
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure);
        }
        self.inner.commit(changes, durability)?;
        self.commits.lock().unwrap().push((changes.len(), durability));
        Ok(())
    }
    fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> Result<bool, StoreError> {
        self.inner.sweep(now, keep)
    }
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.inner.reader()
    }
}

struct Bench {
    memory: MemoryStore,
    failures: Failures,
    commits: Commits,
    gate: Arc<Mutex<()>>,
    told: Receiver<Told>,
    writer: Writer,
}

fn settings() -> WriterSettings {
    WriterSettings { most_changes: 4, most_waiting: 6, retry: Duration::from_millis(5), ..WriterSettings::default() }
}

impl Bench {
    fn start(settings: WriterSettings) -> Bench {
        let memory = MemoryStore::new();
        let mut inner = memory.again();
        lead_anyway(&mut inner);
        let (failures, commits, gate) = (Failures::default(), Commits::default(), Arc::default());
        let store = Failing { inner, failures: Arc::clone(&failures), commits: Arc::clone(&commits), gate: Arc::clone(&gate) };
        let (tell, told) = channel();
        let writer = Writer::start(Box::new(store), settings, move |what| tell.send(what).unwrap_or(())).unwrap();
        Bench { memory, failures, commits, gate, told, writer }
    }

    fn submit(&self, seq: u64, ids: std::ops::Range<u64>, durability: Durability) {
        self.writer.submit(Seq(seq), ids.map(|id| insert(row(id))).collect(), durability);
    }

    fn next(&self) -> Told {
        self.told.recv_timeout(Duration::from_secs(20)).expect("the writer tells")
    }

    fn until_committed(&self, seq: u64) -> Vec<Told> {
        let mut all = Vec::new();
        while all.last() != Some(&Told::Committed(Seq(seq))) {
            all.push(self.next());
        }
        all
    }
}

#[test]
fn what_waits_is_committed_together_whole_and_in_order() {
    let bench = Bench::start(settings());
    let shut = bench.gate.lock().unwrap();
    bench.submit(1, 1..2, Durability::Memory);
    // The first is being committed, or will be alone or with others; the rest waits behind the gate.
    bench.submit(2, 2..4, Durability::Os);
    bench.submit(3, 4..5, Durability::Memory);
    bench.submit(4, 5..12, Durability::Fsync);
    assert_eq!(bench.writer.waiting(), 11);
    assert!(!bench.writer.has_room());
    drop(shut);
    let told = bench.until_committed(4);
    assert!(told.is_sorted_by_key(|t| if let Told::Committed(seq) = t { seq.0 } else { 0 }), "{told:?}");
    let commits = bench.commits.lock().unwrap().clone();
    assert_eq!(commits.iter().map(|c| c.0).sum::<usize>(), 11);
    assert_eq!(commits.last(), Some(&(7, Durability::Fsync)), "a great group is not split, nor joined: {commits:?}");
    assert!(commits[..commits.len() - 1].iter().all(|c| c.0 <= 4 && c.1 < Durability::Fsync), "{commits:?}");
    assert!(bench.writer.has_room());
    let figures = bench.writer.figures();
    assert_eq!((figures.changes, figures.groups, figures.waiting), (11, 4, 0));
}

#[test]
fn a_full_store_is_tried_again_with_the_same_changes() {
    let bench = Bench::start(settings());
    let busy = StoreError::Busy("held".to_owned());
    bench.failures.lock().unwrap().extend([busy, StoreError::Full("disk".to_owned()), StoreError::Full("disk".to_owned())]);
    bench.submit(1, 1..3, Durability::Fsync);
    let Told::State(WriterState::Stuck { reason, .. }) = bench.next() else { panic!("not stuck") };
    assert!(reason.contains("no room") && reason.contains("disk"), "{reason}");
    bench.submit(2, 3..4, Durability::Fsync);
    assert_eq!(bench.next(), Told::State(WriterState::Fine));
    bench.until_committed(2);
    assert_eq!(bench.writer.figures().failures, 3);
    assert_eq!(ids(&mut bench.memory.again(), at(0)).0, [1, 2, 3]);
}

#[test]
fn while_it_is_stuck_there_is_no_room() {
    let bench = Bench::start(WriterSettings { retry: Duration::from_secs(3600), ..settings() });
    bench.failures.lock().unwrap().push(StoreError::Full("disk".to_owned()));
    bench.submit(1, 1..2, Durability::Fsync);
    assert!(matches!(bench.next(), Told::State(WriterState::Stuck { .. })));
    assert!(!bench.writer.has_room());
    assert!(matches!(bench.writer.state(), WriterState::Stuck { .. }));
    // Its end is not held up; one more attempt is made.
    let mut store = bench.writer.finish().unwrap();
    assert_eq!(ids(&mut *store, at(0)).0, [1]);
}

#[test]
fn a_replaced_leader_writes_nothing_more() {
    let bench = Bench::start(settings());
    bench.submit(1, 1..2, Durability::Fsync);
    bench.until_committed(1);
    let mut other = bench.memory.again();
    lead_anyway(&mut other);
    bench.submit(2, 2..3, Durability::Fsync);
    assert_eq!(bench.next(), Told::State(WriterState::Fenced { leader: "test".to_owned() }));
    assert!(!bench.writer.has_room());
    bench.submit(3, 3..4, Durability::Fsync);
    let mut store = bench.writer.finish().unwrap();
    assert_eq!(ids(&mut *store, at(0)).0, [1]);
    lead_anyway(&mut *store);
}

#[test]
fn an_idle_leader_that_was_replaced_notices_by_its_beat() {
    let bench = Bench::start(WriterSettings { beat: Duration::from_millis(10), ..settings() });
    lead_anyway(&mut bench.memory.again());
    assert!(matches!(bench.next(), Told::State(WriterState::Fenced { .. })));
}

#[test]
fn a_broken_store_ends_the_writer() {
    for failure in
        [StoreError::Broken("fsync".to_owned()), StoreError::Conflict("twice".to_owned()), StoreError::Corrupt("page".to_owned())]
    {
        let bench = Bench::start(settings());
        let text = failure.to_string();
        bench.failures.lock().unwrap().push(failure);
        bench.submit(1, 1..2, Durability::Fsync);
        assert_eq!(bench.next(), Told::State(WriterState::Broken(text)));
        assert!(bench.writer.finish().is_some());
    }
}

#[test]
fn what_waits_at_the_end_is_committed() {
    let bench = Bench::start(settings());
    for seq in 1..50 {
        bench.submit(seq, seq..seq + 1, Durability::Fsync);
    }
    let mut store = bench.writer.finish().unwrap();
    assert_eq!(ids(&mut *store, at(0)).0.len(), 49);
}

#[test]
fn what_is_over_is_swept_while_nothing_is_written() {
    let clock: Arc<dyn Fn() -> Time + Send + Sync> = Arc::new(|| at(100));
    let bench = Bench::start(WriterSettings { sweep: Duration::from_millis(5), clock, ..settings() });
    bench.writer.submit(Seq(1), vec![insert(row(1)), done(1, at(99)), insert(row(2)), done(2, at(101))], Durability::Fsync);
    bench.until_committed(1);
    let mut reader = bench.memory.reader().unwrap();
    skala_testkit::wait::until("the sweep", Duration::from_secs(20), || reader.task(TaskId(1)).unwrap().is_none().then_some(()));
    assert!(reader.task(TaskId(2)).unwrap().is_some());
}
