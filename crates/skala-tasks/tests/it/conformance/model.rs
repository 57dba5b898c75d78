//! Random histories: a store says what the model in memory says, before and after it is opened again.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use skala_queue::{
    Account, Change, Durability, Ended, Firing, FiringOutcome, Holds, Occurrence, Per, Phase, Progressed, Row, ScheduleRow,
    StoredKey, TaskId,
};
use skala_tasks::store::{Filter, MemoryStore, Store};
use skala_types::{Text, Time};

use super::place::{Place, lead_anyway};
use super::rows::{at, child, failed, full, keep, load, progressed, row};

/// Ids that histories use: few, so that changes meet.
const IDS: std::ops::Range<u64> = 1..16;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Change>),
    Sweep(Time, usize),
    Reopen,
}

pub(super) fn it_equals_the_model<P: Place>(new: fn() -> P) {
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 1..12);
    runner.run(&steps, |steps| run(&new(), &steps)).unwrap_or_else(|e| panic!("{e}"));
}

fn run(place: &dyn Place, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut store, mut model) = (place.leading(), MemoryStore::new());
    lead_anyway(&mut model);
    let mut used = HashSet::new();
    for step in steps {
        match step {
            Step::Commit(changes) => {
                // Ids never come twice.
                let is_new = |change: &&Change| !matches!(change, Change::Insert(row, _) if !used.insert(row.id));
                let changes: Vec<Change> = changes.iter().filter(is_new).cloned().collect();
                let changes = &changes[..];
                let (real, expected) = (store.commit(changes, Durability::Os), model.commit(changes, Durability::Os));
                prop_assert_eq!(real.map_err(|e| e.to_string()), expected.map_err(|e| e.to_string()));
            }
            Step::Sweep(now, most) => {
                prop_assert_eq!(store.sweep(*now, &keep(*most)).unwrap(), model.sweep(*now, &keep(*most)).unwrap());
            }
            Step::Reopen => {
                drop(store);
                store = place.leading();
            }
        }
        same(&mut *store, &mut model)?;
    }
    drop(store);
    same(&mut *place.leading(), &mut model)
}

/// Whether two stores say the same of everything.
fn same(store: &mut dyn Store, model: &mut dyn Store) -> Result<(), TestCaseError> {
    for now in [at(0), at(50)] {
        prop_assert_eq!(load(store, now), load(model, now));
    }
    let ids: Vec<TaskId> = IDS.map(TaskId).collect();
    let (mut real, mut expected) = (store.reader().unwrap(), model.reader().unwrap());
    prop_assert_eq!(real.bodies(&ids).unwrap(), expected.bodies(&ids).unwrap());
    for id in &ids {
        prop_assert_eq!(real.task(*id).unwrap(), expected.task(*id).unwrap());
        prop_assert_eq!(real.result(*id).unwrap(), expected.result(*id).unwrap());
    }
    let filters = [
        Filter { most: 100, ..Filter::default() },
        Filter { most: 3, tenant: Some("acme".into()), ..Filter::default() },
        Filter { most: 100, phases: vec![Phase::Dead], ..Filter::default() },
        Filter { most: 2, before: Some(TaskId(5)), phases: vec![Phase::Ready, Phase::Done], ..Filter::default() },
    ];
    for filter in filters {
        prop_assert_eq!(real.list(&filter).unwrap(), expected.list(&filter).unwrap());
    }
    for name in ["a", "b"] {
        prop_assert_eq!(real.firings(name, 10).unwrap(), expected.firings(name, 10).unwrap());
        prop_assert_eq!(real.effect(name).unwrap(), expected.effect(name).unwrap());
    }
    Ok(())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(change(), 1..8).prop_map(Step::Commit),
        2 => (moment(), 0_usize..4).prop_map(|(now, most)| Step::Sweep(now, most)),
        1 => Just(Step::Reopen),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (a_row(), body()).prop_map(|(row, body)| Change::Insert(Box::new(row), body)),
        3 => (id(), how()).prop_map(|(id, how)| Change::Update(id, how)),
        6 => an_end().prop_map(|ended| Change::Finish(Box::new(ended))),
        2 => (id(), how()).prop_map(|(id, how)| Change::Revive(id, how)),
        1 => id().prop_map(Change::Delete),
        1 => id().prop_map(|task| Change::Unkey { task, queue: "work".into(), tenant: "".into(), key: "k".into() }),
        1 => (name(), id(), moment()).prop_map(|(key, task, until)| Change::Effect { key, task, until }),
        1 => (name(), any::<bool>()).prop_map(|(queue, paused)| Change::Paused(queue, paused)),
        1 => (moment(), any::<u32>()).prop_map(|(from, spent)| {
            Change::Spent(Account { queue: "work".into(), of: None, per: Per::Hour, from }, spent.into())
        }),
        1 => (name(), moment(), any::<bool>()).prop_map(|(schedule, nominal, buffers)| {
            let outcome = if buffers { FiringOutcome::Buffered } else { FiringOutcome::Fired };
            Change::Fired(Firing { occurrence: Occurrence { schedule, nominal }, at: nominal, outcome, tasks: vec![] })
        }),
        1 => (name(), moment(), any::<bool>(), prop::option::of(moment()), any::<u64>()).prop_map(
            |(n, through, paused, buffered, timetable)| Change::Schedule(n, ScheduleRow { through, paused, buffered, timetable })
        ),
    ]
}

fn id() -> impl Strategy<Value = TaskId> {
    IDS.prop_map(TaskId)
}

fn name() -> impl Strategy<Value = Text> {
    prop_oneof![Just("a".into()), Just("b".into())]
}

fn moment() -> impl Strategy<Value = Time> {
    prop_oneof![4 => (0_u64..100).prop_map(at), 1 => Just(at(0) + Duration::from_secs(40 * 24 * 3600))]
}

fn body() -> impl Strategy<Value = Bytes> {
    prop_oneof![Just(0), Just(40), Just(5000)].prop_map(|length| vec![0; length].into())
}

fn how() -> impl Strategy<Value = Progressed> {
    let phase = prop_oneof![Just(Phase::Ready), Just(Phase::Delayed), Just(Phase::Cancelled)];
    (phase, any::<bool>()).prop_map(|(phase, has_failed)| if has_failed { failed(phase) } else { progressed(phase) })
}

fn a_row() -> impl Strategy<Value = Row> {
    let key = prop_oneof![
        2 => Just(None),
        1 => (moment(), prop_oneof![Just(Holds::Window), Just(Holds::Waiting), Just(Holds::Unfinished)])
            .prop_map(|(until, holds)| Some(StoredKey { text: "k".into(), holds, until })),
    ];
    let kind = prop_oneof![
        3 => IDS.prop_map(row),
        1 => IDS.prop_map(full),
        1 => (IDS, prop::collection::vec(IDS, 1..3)).prop_map(|(id, parents)| child(id, &parents)),
    ];
    (kind, key, how()).prop_map(|(row, key, progressed)| Row { key, progressed, ..row })
}

fn an_end() -> impl Strategy<Value = Ended> {
    let phase = prop_oneof![Just(Phase::Done), Just(Phase::Dead), Just(Phase::Cancelled)];
    (id(), phase, moment(), moment(), any::<bool>()).prop_map(|(id, phase, ended, until, answers)| Ended {
        id,
        queue: "work".into(),
        phase,
        at: ended,
        until: until.max(ended),
        result: answers.then(|| Bytes::from_static(b"1")),
        progressed: failed(phase),
    })
}
