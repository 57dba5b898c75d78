//! Who leads.

use skala_queue::Durability;
use skala_tasks::store::{Leadership, StoreError};

use super::place::{Place, candidate, lead_anyway};
use super::rows::{at, commit, ids, insert, row};

pub(super) fn the_first_leads_and_the_second_follows(place: &dyn Place) {
    let (mut first, mut second) = (place.open(), place.open());
    assert_eq!(first.lead(&candidate("a"), None).unwrap(), Leadership::Leads { epoch: 1 });
    let follows = second.lead(&candidate("b"), None).unwrap();
    assert!(matches!(&follows, Leadership::Follows { epoch: 1, leader, .. } if *leader == candidate("a")), "{follows:?}");
    commit(&mut *first, &[insert(row(1))]);
}

pub(super) fn a_silent_leader_is_replaced_and_fenced(place: &dyn Place) {
    let (mut first, mut second) = (place.leading(), place.open());
    let Leadership::Follows { epoch, beat, .. } = second.lead(&candidate("b"), None).unwrap() else { panic!("leads") };
    let expected = Some((epoch, beat));
    assert_eq!(second.lead(&candidate("b"), expected).unwrap(), Leadership::Leads { epoch: epoch + 1 });
    let refused = first.commit(&[insert(row(1))], Durability::Fsync).unwrap_err();
    assert!(matches!(&refused, StoreError::Fenced { leader } if leader == "b"), "{refused}");
    assert!(matches!(first.beat(), Err(StoreError::Fenced { .. })));
    assert!(matches!(first.sweep(at(0), &[]), Err(StoreError::Fenced { .. })));
    commit(&mut *second, &[insert(row(2))]);
    assert_eq!(ids(&mut *second, at(0)).0, [2]);
}

pub(super) fn a_leader_that_beats_is_not_replaced(place: &dyn Place) {
    let (mut first, mut second) = (place.leading(), place.open());
    let Leadership::Follows { epoch, beat, .. } = second.lead(&candidate("b"), None).unwrap() else { panic!("leads") };
    first.beat().unwrap();
    let follows = second.lead(&candidate("b"), Some((epoch, beat))).unwrap();
    assert!(matches!(follows, Leadership::Follows { beat: now, .. } if now != beat), "{follows:?}");
    commit(&mut *first, &[insert(row(1))]);
}

pub(super) fn one_that_resigns_is_followed_at_once(place: &dyn Place) {
    let (mut first, mut second) = (place.leading(), place.open());
    first.resign().unwrap();
    assert_eq!(second.lead(&candidate("b"), None).unwrap(), Leadership::Leads { epoch: 2 });
    let refused = first.commit(&[insert(row(1))], Durability::Fsync).unwrap_err();
    assert!(matches!(refused, StoreError::Fenced { .. }));
    // One that was replaced resigns nobody else.
    first.resign().unwrap();
    commit(&mut *second, &[insert(row(2))]);
}

pub(super) fn nobody_writes_without_leading(place: &dyn Place) {
    let mut store = place.open();
    let refused = store.commit(&[insert(row(1))], Durability::Fsync).unwrap_err();
    assert!(matches!(refused, StoreError::Fenced { .. }), "{refused}");
    assert_eq!(ids(&mut *store, at(0)).0, [] as [u64; 0]);
}

pub(super) fn a_fenced_leader_may_lead_again(place: &dyn Place) {
    let (mut first, mut second) = (place.leading(), place.leading());
    assert!(first.commit(&[insert(row(1))], Durability::Fsync).is_err());
    commit(&mut *second, &[insert(row(2))]);
    assert_eq!(lead_anyway(&mut *first), 3);
    commit(&mut *first, &[insert(row(3))]);
    assert!(second.commit(&[insert(row(4))], Durability::Fsync).is_err());
    assert_eq!(ids(&mut *first, at(0)).0, [2, 3]);
}
