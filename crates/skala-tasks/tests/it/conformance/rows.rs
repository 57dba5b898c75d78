//! Tasks for tests, and what a store says of them.

use std::time::Duration;

use bytes::Bytes;
use skala_queue::{
    After, Cause, Change, Death, Durability, Ended, Holds, Keep, Label, Occurrence, Parent, Phase, Progressed, Restored, Row,
    StoredKey, TaskId, When,
};
use skala_tasks::store::{Loaded, Store};
use skala_types::{Text, Time};

/// A moment to count from.
pub(crate) const START: Time = Time::from_secs(1_800_000_000);

/// So many seconds after the start.
pub(crate) fn at(secs: u64) -> Time {
    START + Duration::from_secs(secs)
}

/// A plain task of queue `work`.
pub(crate) fn row(id: u64) -> Row {
    Row {
        id: TaskId(id),
        queue: "work".into(),
        created: START,
        due: START,
        expires: None,
        tenant: "".into(),
        key: None,
        priority: 5,
        timeout: Duration::from_secs(600),
        attempts: 5,
        cost: 0,
        after: Vec::new(),
        occurrence: None,
        label: Label { name: "ingest".into(), ..Label::default() },
        body_len: 6,
        progressed: progressed(Phase::Ready),
    }
}

/// With a key.
pub(crate) fn keyed(id: u64, holds: Holds, until: Time) -> Row {
    Row { key: Some(StoredKey { text: format!("key {id}").into(), holds, until }), ..row(id) }
}

/// One that waits for others.
pub(crate) fn child(id: u64, parents: &[u64]) -> Row {
    let after = parents.iter().map(|p| After { task: Parent::Id(TaskId(*p)), when: When::Done }).collect();
    Row { after, progressed: progressed(Phase::Held), ..row(id) }
}

/// Every field in use.
pub(crate) fn full(id: u64) -> Row {
    let mut row = keyed(id, Holds::Window, at(3600));
    row.tenant = "acme".into();
    row.expires = Some(at(60));
    row.cost = 1234;
    row.occurrence = Some(Occurrence { schedule: "nightly".into(), nominal: at(5) });
    row.label.headers.insert("traceparent".to_owned(), "00-1-1-01".to_owned());
    row.label.path = "/tasks".into();
    row
}

/// Untouched, in this phase.
pub(crate) fn progressed(phase: Phase) -> Progressed {
    Progressed { phase, due: START, attempts: 0, losses: 0, spent: 0, death: None }
}

/// After a failure.
pub(crate) fn failed(phase: Phase) -> Progressed {
    let death = Death { cause: Cause::Failed, message: "exit code 1".to_owned(), log: vec!["Traceback".to_owned()] };
    Progressed { phase, due: at(30), attempts: 2, losses: 1, spent: 99, death: Some(death) }
}

pub(crate) fn insert(row: Row) -> Change {
    let body = format!("body {}", row.id.0 % 10);
    Change::Insert(Box::new(row), Bytes::from(body))
}

/// Done at ten seconds, kept until then.
pub(crate) fn done(id: u64, until: Time) -> Change {
    ended(id, Phase::Done, until)
}

pub(crate) fn ended(id: u64, phase: Phase, until: Time) -> Change {
    Change::Finish(Box::new(Ended {
        id: TaskId(id),
        queue: "work".into(),
        phase,
        at: at(10),
        until,
        result: Some(Bytes::from_static(b"{\"ok\":true}")),
        progressed: failed(phase),
    }))
}

pub(crate) fn keep(most: usize) -> Vec<(Text, Keep)> {
    let (done, dead) = (Duration::from_secs(60), Duration::from_secs(600));
    vec![("work".into(), Keep { done, dead, most })]
}

/// Commits what must succeed.
pub(crate) fn commit(store: &mut dyn Store, changes: &[Change]) {
    store.commit(changes, Durability::Os).unwrap();
}

/// Sweeps until there is no more. In how many pieces.
pub(crate) fn sweep(store: &mut dyn Store, now: Time, most: usize) -> usize {
    (1..1000).find(|_| !store.sweep(now, &keep(most)).unwrap()).expect("a sweep ends")
}

/// What a load tells.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) ended: Vec<Row>,
    pub(crate) live: Vec<Row>,
    pub(crate) restored: Restored,
}

pub(crate) fn load(store: &mut dyn Store, now: Time) -> Told {
    let mut told = Told::default();
    let restored = store.load(now, &mut |loaded| match loaded {
        Loaded::Ended(row) => {
            assert!(told.live.is_empty(), "ended tasks come first");
            told.ended.push(row.clone());
        }
        Loaded::Live(row) => told.live.push(row.clone()),
    });
    told.restored = restored.unwrap();
    assert!(told.live.is_sorted_by_key(|row| row.id), "live tasks come by id");
    told
}

/// Ids of live tasks and of ended ones that a load tells.
pub(crate) fn ids(store: &mut dyn Store, now: Time) -> (Vec<u64>, Vec<u64>) {
    let told = load(store, now);
    let ids = |rows: &[Row]| rows.iter().map(|row| row.id.0).collect();
    (ids(&told.live), ids(&told.ended))
}
