//! Readers.

use bytes::Bytes;
use skala_queue::{Change, Occurrence, Phase, TaskId};
use skala_tasks::store::{Filter, Reader};

use super::place::Place;
use super::rows::{at, commit, done, ended, failed, insert, row};

pub(super) fn bodies_come_in_the_order_asked(place: &dyn Place) {
    let mut store = place.leading();
    let big = Bytes::from(vec![b'x'; 10_000]);
    commit(&mut *store, &[insert(row(1)), Change::Insert(Box::new(row(2)), big.clone()), insert(row(3)), done(3, at(99))]);
    let bodies = store.reader().unwrap().bodies(&[3, 2, 8, 1, 2].map(TaskId)).unwrap();
    let bodies: Vec<Option<Bytes>> = bodies.into_iter().map(|found| found.map(|(_, body)| body)).collect();
    let body = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    assert_eq!(bodies, [body("body 3"), Some(big.clone()), None, body("body 1"), Some(big)]);
    assert_eq!(store.reader().unwrap().bodies(&[]).unwrap(), []);
}

fn list(reader: &mut dyn Reader, filter: Filter) -> Vec<u64> {
    reader
        .list(&Filter { most: if filter.most == 0 { 100 } else { filter.most }, ..filter })
        .unwrap()
        .iter()
        .map(|s| s.row.id.0)
        .collect()
}

pub(super) fn a_list_filters_and_pages(place: &dyn Place) {
    let mut store = place.leading();
    let rows = (1..=8).map(|id| {
        let mut row = row(id);
        row.tenant = if id % 2 == 0 { "even" } else { "odd" }.into();
        row.queue = if id > 6 { "late" } else { "work" }.into();
        if id == 4 {
            row.label.name = "embed".into();
            row.occurrence = Some(Occurrence { schedule: "nightly".into(), nominal: at(0) });
        }
        insert(row)
    });
    commit(&mut *store, &rows.collect::<Vec<_>>());
    let parked = Change::Update(TaskId(5), failed(Phase::Parked));
    commit(&mut *store, &[parked, done(2, at(99)), ended(3, Phase::Dead, at(99)), ended(8, Phase::Dead, at(99))]);
    let mut reader = store.reader().unwrap();
    let mut of = |filter| list(&mut *reader, filter);
    let all = Filter::default;
    let phases = |phases: &[Phase]| Filter { phases: phases.to_vec(), ..all() };
    assert_eq!(of(all()), [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(of(Filter { most: 3, ..all() }), [8, 7, 6]);
    assert_eq!(of(Filter { most: 3, before: Some(TaskId(6)), ..all() }), [5, 4, 3]);
    assert_eq!(of(Filter { queue: Some("late".into()), ..all() }), [8, 7]);
    assert_eq!(of(Filter { queue: Some("none".into()), ..all() }), [] as [u64; 0]);
    assert_eq!(of(Filter { tenant: Some("odd".into()), ..all() }), [7, 5, 3, 1]);
    assert_eq!(of(Filter { name: Some("embed".into()), ..all() }), [4]);
    assert_eq!(of(Filter { schedule: Some("nightly".into()), ..all() }), [4]);
    assert_eq!(of(phases(&[Phase::Dead])), [8, 3]);
    assert_eq!(of(Filter { queue: Some("work".into()), ..phases(&[Phase::Dead]) }), [3]);
    assert_eq!(of(Filter { before: Some(TaskId(8)), ..phases(&[Phase::Dead]) }), [3]);
    assert_eq!(of(phases(&[Phase::Done, Phase::Parked])), [5, 2]);
    assert_eq!(of(phases(&[Phase::Ready])), [7, 6, 4, 1]);
}

pub(super) fn readers_see_what_is_committed(place: &dyn Place) {
    let mut store = place.leading();
    let (mut one, mut two) = (store.reader().unwrap(), store.reader().unwrap());
    assert_eq!(one.task(TaskId(1)).unwrap(), None);
    commit(&mut *store, &[insert(row(1))]);
    assert_eq!(one.task(TaskId(1)).unwrap().unwrap().row, row(1));
    let elsewhere = std::thread::spawn(move || two.task(TaskId(1)).unwrap().unwrap().row);
    assert_eq!(elsewhere.join().unwrap(), row(1));
}
