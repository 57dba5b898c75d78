//! Changes.

use bytes::Bytes;
use skala_queue::{
    Account, Change, Durability, Firing, FiringOutcome, Holds, Occurrence, Owner, Per, Phase, Row, ScheduleRow, TaskId,
};
use skala_tasks::store::StoreError;

use super::place::Place;
use super::rows::{at, child, commit, done, ended, failed, full, ids, insert, keyed, load, progressed, row};

pub(super) fn a_commit_is_there_after_a_reopen(place: &dyn Place) {
    let rows = [full(1), child(2, &[1]), row(3)];
    let big = Bytes::from(vec![7; 100_000]);
    let mut store = place.leading();
    let mut changes: Vec<Change> = rows.iter().map(|row| insert(row.clone())).collect();
    changes.push(Change::Insert(Box::new(row(4)), big.clone()));
    store.commit(&changes, Durability::Fsync).unwrap();
    drop(store);

    let mut store = place.leading();
    assert_eq!(load(&mut *store, at(0)).live, [full(1), child(2, &[1]), row(3), row(4)]);
    let bodies = store.reader().unwrap().bodies(&[TaskId(1), TaskId(4)]).unwrap();
    assert_eq!(bodies[0], Some((full(1).label, Bytes::from_static(b"body 1"))));
    assert_eq!(bodies[1], Some((row(4).label, big)));
}

pub(super) fn a_commit_that_contradicts_writes_nothing(place: &dyn Place) {
    let mut store = place.leading();
    commit(&mut *store, &[insert(row(1))]);
    let mut other = row(9);
    other.queue = "new".into();
    let twice = [insert(other.clone()), Change::Delete(TaskId(1)), insert(row(2)), insert(row(2))];
    let error = store.commit(&twice, Durability::Fsync).unwrap_err();
    assert!(matches!(&error, StoreError::Conflict(text) if text.contains("0000000000002")), "{error}");
    assert_eq!(ids(&mut *store, at(0)).0, [1]);
    commit(&mut *store, &[insert(other), insert(row(2))]);
    assert_eq!(ids(&mut *store, at(0)).0, [1, 2, 9]);
}

pub(super) fn changes_apply_in_their_order(place: &dyn Place) {
    let mut store = place.leading();
    let two = Change::Update(TaskId(1), failed(Phase::Delayed));
    commit(&mut *store, &[insert(row(1)), Change::Update(TaskId(1), progressed(Phase::Parked)), two]);
    assert_eq!(load(&mut *store, at(0)).live[0].progressed, failed(Phase::Delayed));
    let change =
        [done(1, at(99)), Change::Revive(TaskId(1), progressed(Phase::Ready)), insert(row(2)), Change::Delete(TaskId(2))];
    commit(&mut *store, &change);
    assert_eq!(ids(&mut *store, at(0)), (vec![1], vec![]));
}

pub(super) fn a_change_of_nothing_does_nothing(place: &dyn Place) {
    let mut store = place.leading();
    let unkey = Change::Unkey { task: TaskId(7), queue: "work".into(), tenant: "".into(), key: "k".into() };
    let changes = [
        Change::Update(TaskId(7), failed(Phase::Ready)),
        done(7, at(99)),
        Change::Revive(TaskId(7), failed(Phase::Ready)),
        Change::Delete(TaskId(7)),
        unkey,
    ];
    commit(&mut *store, &changes);
    commit(&mut *store, &[]);
    assert_eq!(ids(&mut *store, at(0)), (vec![], vec![]));
    assert_eq!(store.reader().unwrap().task(TaskId(7)).unwrap(), None);
}

pub(super) fn an_end_keeps_row_body_and_result(place: &dyn Place) {
    let mut store = place.leading();
    commit(&mut *store, &[insert(full(1)), ended(1, Phase::Dead, at(99))]);
    let mut reader = store.reader().unwrap();
    let stored = reader.task(TaskId(1)).unwrap().unwrap();
    assert_eq!((stored.ended, stored.until), (Some(at(10)), Some(at(99))));
    assert_eq!(stored.row.progressed, failed(Phase::Dead));
    assert_eq!(stored.row.label, full(1).label);
    assert_eq!(reader.result(TaskId(1)).unwrap(), Some(Bytes::from_static(b"{\"ok\":true}")));
    assert_eq!(reader.bodies(&[TaskId(1)]).unwrap(), [Some((full(1).label, Bytes::from_static(b"body 1")))]);
}

pub(super) fn an_end_that_is_not_kept_leaves_nothing(place: &dyn Place) {
    let mut store = place.leading();
    let waits = keyed(2, Holds::Waiting, at(0));
    commit(&mut *store, &[insert(row(1)), insert(waits), done(1, at(10)), done(2, at(10))]);
    let mut reader = store.reader().unwrap();
    assert_eq!((reader.task(TaskId(1)).unwrap(), reader.result(TaskId(1)).unwrap()), (None, None));
    assert_eq!(reader.task(TaskId(2)).unwrap(), None);
}

pub(super) fn an_end_that_is_not_kept_keeps_a_key_with_a_window(place: &dyn Place) {
    let mut store = place.leading();
    commit(&mut *store, &[insert(keyed(1, Holds::Window, at(50))), done(1, at(10))]);
    let told = load(&mut *store, at(20)).ended;
    assert_eq!((told[0].id, told[0].progressed.phase), (TaskId(1), Phase::Done));
    assert_eq!(told[0].key, keyed(1, Holds::Window, at(50)).key);
    assert_eq!(store.reader().unwrap().result(TaskId(1)).unwrap(), None);
    assert_eq!(ids(&mut *store, at(50)).1, [] as [u64; 0], "the window is over");
}

pub(super) fn a_dead_letter_begins_anew(place: &dyn Place) {
    let mut store = place.leading();
    commit(&mut *store, &[insert(full(1)), ended(1, Phase::Dead, at(99))]);
    commit(&mut *store, &[Change::Revive(TaskId(1), progressed(Phase::Ready))]);
    let told = load(&mut *store, at(20));
    // It is due anew, and expires no longer.
    let anew = Row { due: progressed(Phase::Ready).due, expires: None, progressed: progressed(Phase::Ready), ..full(1) };
    assert_eq!((told.live, told.ended), (vec![anew], vec![]));
    let bodies = store.reader().unwrap().bodies(&[TaskId(1)]).unwrap();
    assert_eq!(bodies, [Some((full(1).label, Bytes::from_static(b"body 1")))]);
}

pub(super) fn a_key_that_was_given_up_does_not_come_back(place: &dyn Place) {
    let mut store = place.leading();
    let changes: Vec<Change> = [Holds::Waiting, Holds::Window].map(|holds| insert(keyed(holds as u64 + 1, holds, at(99)))).into();
    commit(&mut *store, &changes);
    commit(&mut *store, &[done(1, at(99))]);
    let unkey = |id| Change::Unkey { task: TaskId(id), queue: "work".into(), tenant: "".into(), key: format!("key {id}").into() };
    assert_eq!(ids(&mut *store, at(20)), (vec![2], vec![1]));
    commit(&mut *store, &[unkey(1), unkey(2)]);
    let told = load(&mut *store, at(20));
    assert_eq!((told.live[0].key.clone(), told.ended), (None, vec![]));
}

pub(super) fn an_effect_takes_place_in_one_task(place: &dyn Place) {
    let mut store = place.leading();
    let effect = |task| Change::Effect { key: "charge 7".into(), task: TaskId(task), until: at(99) };
    commit(&mut *store, &[insert(row(1)), effect(1)]);
    let refused = store.commit(&[insert(row(2)), effect(2)], Durability::Fsync).unwrap_err();
    assert!(matches!(&refused, StoreError::Conflict(text) if text.contains("charge 7")), "{refused}");
    commit(&mut *store, &[effect(1)]);
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.effect("charge 7").unwrap(), Some(TaskId(1)));
    assert_eq!(reader.effect("charge 8").unwrap(), None);
    assert_eq!(ids(&mut *store, at(0)).0, [1]);
}

pub(super) fn an_occurrence_fires_once(place: &dyn Place) {
    let mut store = place.leading();
    let fired = |nominal, outcome, task| {
        let occurrence = Occurrence { schedule: "nightly".into(), nominal: at(nominal) };
        Firing { occurrence, at: at(nominal + 1), outcome, tasks: vec![TaskId(task)] }
    };
    let all = [fired(0, FiringOutcome::Fired, 1), fired(60, FiringOutcome::Buffered, 0), fired(60, FiringOutcome::Fired, 2)];
    commit(&mut *store, &all.clone().map(Change::Fired));
    for again in [fired(0, FiringOutcome::Fired, 9), fired(60, FiringOutcome::Buffered, 9)] {
        let refused = store.commit(&[Change::Fired(again)], Durability::Fsync).unwrap_err();
        assert!(matches!(&refused, StoreError::Conflict(text) if text.contains("nightly")), "{refused}");
    }
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.firings("nightly", 10).unwrap(), [all[2].clone(), all[0].clone()]);
    assert_eq!(reader.firings("nightly", 1).unwrap(), [all[2].clone()]);
    assert_eq!(reader.firings("hourly", 10).unwrap(), []);
}

pub(super) fn pauses_money_and_schedules_come_back(place: &dyn Place) {
    let mut store = place.leading();
    let account = |of| Account { queue: "work".into(), of, per: Per::Day, from: at(0) };
    let nightly = ScheduleRow { through: at(7), paused: true, buffered: Some(at(5)), timetable: u64::MAX };
    commit(
        &mut *store,
        &[
            Change::Paused("work".into(), true),
            Change::Paused("other".into(), true),
            Change::Spent(account(None), 5),
            Change::Spent(account(Some(Owner::Tenant("acme".into()))), u64::from(u32::MAX) * 9),
            Change::Schedule("nightly".into(), ScheduleRow { through: at(3), paused: false, buffered: None, timetable: 1 }),
        ],
    );
    commit(
        &mut *store,
        &[Change::Paused("other".into(), false), Change::Spent(account(None), 6), Change::Schedule("nightly".into(), nightly)],
    );
    drop(store);
    let restored = load(&mut *place.leading(), at(0)).restored;
    assert_eq!(restored.paused, ["work".into()]);
    assert_eq!(restored.spent.into_values().collect::<Vec<_>>(), [6, u64::from(u32::MAX) * 9]);
    assert_eq!(restored.schedules.into_iter().collect::<Vec<_>>(), [("nightly".into(), nightly)]);
}

pub(super) fn the_highest_id_is_remembered_beyond_its_task(place: &dyn Place) {
    let mut store = place.leading();
    commit(&mut *store, &[insert(row(5)), insert(row(8)), insert(row(7))]);
    commit(&mut *store, &[Change::Delete(TaskId(8)), done(7, at(10))]);
    drop(store);
    let mut store = place.leading();
    assert_eq!(load(&mut *store, at(0)).restored.last_id, 8);
    commit(&mut *store, &[insert(row(9)), Change::Delete(TaskId(9))]);
    assert_eq!(load(&mut *store, at(0)).restored.last_id, 9);
}
