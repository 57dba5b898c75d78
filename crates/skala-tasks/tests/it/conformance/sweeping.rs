//! Forgetting.

use std::time::Duration;

use skala_queue::{Account, Change, Firing, FiringOutcome, Holds, Occurrence, Per, Phase, ScheduleRow, TaskId};
use skala_tasks::store::{AWAITED_AGAIN, FIRINGS_KEPT, MOST_FIRINGS, Reader, SWEEP_PIECE};

use super::place::Place;
use super::rows::{at, child, commit, done, ended, ids, insert, keyed, load, row, sweep};

fn known(reader: &mut dyn Reader, ids: std::ops::Range<u64>) -> Vec<u64> {
    ids.filter(|id| reader.task(TaskId(*id)).unwrap().is_some()).collect()
}

pub(super) fn what_is_over_is_forgotten(place: &dyn Place) {
    let mut store = place.leading();
    let mut big = row(1);
    big.body_len = 50_000;
    commit(&mut *store, &[Change::Insert(Box::new(big), vec![1; 50_000].into()), insert(row(2)), insert(row(3))]);
    commit(&mut *store, &[done(1, at(20)), ended(2, Phase::Dead, at(30))]);
    let mut reader = store.reader().unwrap();
    sweep(&mut *store, at(19), 100);
    assert_eq!(known(&mut *reader, 1..9), [1, 2, 3]);
    sweep(&mut *store, at(20), 100);
    assert_eq!(known(&mut *reader, 1..9), [2, 3]);
    assert_eq!(reader.bodies(&[TaskId(1)]).unwrap(), [None]);
    sweep(&mut *store, at(1_000_000), 100);
    assert_eq!(known(&mut *reader, 1..9), [3]);
}

pub(super) fn beyond_the_most_the_first_to_go_goes_first(place: &dyn Place) {
    let mut store = place.leading();
    let changes: Vec<Change> = (1..6).flat_map(|id| [insert(row(id)), done(id, at(100 - id))]).collect();
    commit(&mut *store, &changes);
    let mut other = row(9);
    other.queue = "other".into();
    commit(&mut *store, &[insert(other), done(9, at(11))]);
    sweep(&mut *store, at(10), 2);
    assert_eq!(known(&mut *store.reader().unwrap(), 1..10), [1, 2, 9]);
    // The count comes back with a restart.
    drop(store);
    let mut store = place.leading();
    commit(&mut *store, &[insert(row(6)), done(6, at(500))]);
    sweep(&mut *store, at(10), 2);
    assert_eq!(known(&mut *store.reader().unwrap(), 1..10), [1, 6, 9]);
}

pub(super) fn a_key_outlives_its_task(place: &dyn Place) {
    let mut store = place.leading();
    commit(&mut *store, &[insert(keyed(1, Holds::Window, at(100))), done(1, at(20))]);
    sweep(&mut *store, at(50), 100);
    let mut reader = store.reader().unwrap();
    let stored = reader.task(TaskId(1)).unwrap().unwrap();
    assert_eq!((stored.row.progressed.phase, stored.until), (Phase::Done, Some(at(100))));
    assert_eq!((reader.result(TaskId(1)).unwrap(), reader.bodies(&[TaskId(1)]).unwrap()), (None, vec![None]));
    assert_eq!(ids(&mut *store, at(50)).1, [1]);
    // A task without its body cannot begin anew.
    commit(&mut *store, &[Change::Revive(TaskId(1), row(1).progressed)]);
    assert_eq!(ids(&mut *store, at(50)), (vec![], vec![1]));
    sweep(&mut *store, at(100), 100);
    assert_eq!(known(&mut *reader, 1..9), [] as [u64; 0]);
}

pub(super) fn what_others_wait_for_is_kept_whole(place: &dyn Place) {
    let mut store = place.leading();
    commit(&mut *store, &[insert(row(1)), insert(row(2)), insert(child(3, &[1, 2])), done(1, at(10)), done(2, at(20))]);
    sweep(&mut *store, at(1000), 0);
    assert_eq!(ids(&mut *store, at(1000)), (vec![3], vec![1, 2]));
    assert!(store.reader().unwrap().result(TaskId(1)).unwrap().is_some());
    commit(&mut *store, &[done(3, at(10))]);
    assert_eq!(load(&mut *store, at(1000)).ended, []);
    sweep(&mut *store, at(1000) + AWAITED_AGAIN, 100);
    assert_eq!(known(&mut *store.reader().unwrap(), 1..9), [] as [u64; 0]);
}

pub(super) fn a_great_sweep_takes_pieces(place: &dyn Place) {
    let mut store = place.leading();
    let most = 3 * SWEEP_PIECE as u64;
    let changes: Vec<Change> = (1..=most).flat_map(|id| [insert(row(id)), done(id, at(20))]).collect();
    commit(&mut *store, &changes);
    assert!(store.sweep(at(20), &[]).unwrap());
    let left = known(&mut *store.reader().unwrap(), 1..most + 1).len();
    assert!((1..most as usize).contains(&left), "{left}");
    assert!((2..=4).contains(&sweep(&mut *store, at(20), 100)));
    assert_eq!(known(&mut *store.reader().unwrap(), 1..most + 1), [] as [u64; 0]);
}

pub(super) fn firings_are_bounded_and_never_uncovered(place: &dyn Place) {
    let mut store = place.leading();
    let most = MOST_FIRINGS as u64;
    let fired = |nominal| {
        let occurrence = Occurrence { schedule: "nightly".into(), nominal: at(nominal) };
        Change::Fired(Firing { occurrence, at: at(nominal), outcome: FiringOutcome::Fired, tasks: vec![] })
    };
    commit(&mut *store, &(0..most + 100).map(fired).collect::<Vec<_>>());
    let count = |store: &dyn skala_tasks::store::Store| store.reader().unwrap().firings("nightly", 5000).unwrap().len();
    sweep(&mut *store, at(2000), 100);
    assert_eq!(count(&*store), MOST_FIRINGS + 100, "nothing says that they are dealt with");
    let through =
        |secs| Change::Schedule("nightly".into(), ScheduleRow { through: at(secs), paused: false, buffered: None, timetable: 0 });
    commit(&mut *store, &[through(49), fired(5000)]);
    sweep(&mut *store, at(2000), 100);
    assert_eq!(count(&*store), MOST_FIRINGS + 51);
    commit(&mut *store, &[through(4000), fired(5001)]);
    sweep(&mut *store, at(2000), 100);
    assert_eq!(count(&*store), MOST_FIRINGS);
    commit(&mut *store, &[fired(5002)]);
    sweep(&mut *store, at(6000) + FIRINGS_KEPT, 100);
    assert_eq!(count(&*store), 3, "old, but not covered");
}

pub(super) fn old_effects_and_money_are_forgotten(place: &dyn Place) {
    let mut store = place.leading();
    let account = |per| Account { queue: "work".into(), of: None, per, from: at(0) };
    commit(
        &mut *store,
        &[
            Change::Effect { key: "a".into(), task: TaskId(1), until: at(50) },
            Change::Spent(account(Per::Hour), 5),
            Change::Spent(account(Per::Month), 7),
        ],
    );
    let day = Duration::from_secs(24 * 3600);
    sweep(&mut *store, at(49), 100);
    assert_eq!(store.reader().unwrap().effect("a").unwrap(), Some(TaskId(1)));
    sweep(&mut *store, at(3600) + day, 100);
    assert_eq!(store.reader().unwrap().effect("a").unwrap(), None);
    let spent = load(&mut *store, at(0)).restored.spent;
    assert_eq!(spent.into_iter().collect::<Vec<_>>(), [(account(Per::Month), 7)]);
    sweep(&mut *store, at(0) + 32 * day, 100);
    assert!(load(&mut *store, at(0)).restored.spent.is_empty());
}
