//! Tasks that wait for others.

use skala_queue::{After, Cause, Holds, Key, NewTask, Parent, Phase, Refusal, TaskId, When};

use crate::bench::Bench;
use crate::leases::failed;

fn after(id: TaskId, when: When) -> After {
    After { task: Parent::Id(id), when }
}

fn place(place: u16, when: When) -> After {
    After { task: Parent::Place(place), when }
}

fn batch(b: &mut Bench, afters: &[&[After]]) -> Vec<TaskId> {
    let tasks = afters.iter().map(|after| NewTask { after: after.to_vec(), ..Bench::task() }).collect();
    let answer = b.core.enqueue(tasks, b.now).unwrap();
    b.did(answer).iter().map(|e| e.id).collect()
}

fn end(b: &mut Bench, id: TaskId, well: bool) {
    let leased = b.take("w", 100);
    for one in leased {
        if one.id == id && well {
            b.ack(id, one.fence).unwrap();
        } else if one.id == id {
            b.nack(id, one.fence, failed()).unwrap();
        } else {
            b.nack(one.id, one.fence, None).unwrap();
        }
    }
}

fn phases(b: &Bench, ids: &[TaskId]) -> String {
    ids.iter().map(|id| b.phase(*id).map_or("-".into(), |p| format!("{p:?}"))).collect::<Vec<_>>().join(" ")
}

fn bench() -> Bench {
    Bench::of(|s| s.retry.attempts = 1)
}

#[test]
fn a_chain_runs_in_order_and_a_failure_calls_the_rest_off() {
    let mut b = bench();
    let ids = batch(&mut b, &[&[], &[place(0, When::Done)], &[place(1, When::Done)]]);
    assert_eq!(phases(&b, &ids), "Ready Held Held");
    end(&mut b, ids[0], true);
    assert_eq!(phases(&b, &ids), "Done Ready Held");
    assert_eq!(b.one().parents, [ids[0]]);
    let answer = b.core.worker_died("w", "gone", &[], b.now);
    b.did(answer);
    end(&mut b, ids[1], false);
    assert_eq!(phases(&b, &ids), "Done Dead Cancelled");
    let death = b.table.ended[&ids[2]].0.progressed.death.clone().unwrap();
    assert_eq!((death.cause, death.message), (Cause::Parent, format!("task {}, for which it waited, is dead", ids[1])));
}

#[test]
fn a_join_waits_for_all_and_survives_a_crash_in_between() {
    let mut b = bench();
    let ids = batch(&mut b, &[&[], &[], &[place(0, When::Done), place(1, When::Done)]]);
    end(&mut b, ids[0], true);
    b.crash();
    assert_eq!(phases(&b, &ids), "Done Ready Held");
    end(&mut b, ids[1], true);
    assert_eq!(phases(&b, &ids), "Done Done Ready");
}

#[test]
fn what_runs_on_failure_runs_once_however_many_fail_and_is_called_off_when_none_does() {
    for (first, second, expected) in
        [(false, false, "Dead Dead Done"), (true, false, "Done Dead Done"), (true, true, "Done Done Cancelled")]
    {
        let mut b = bench();
        let ids = batch(&mut b, &[&[], &[], &[place(0, When::Failed), place(1, When::Failed)]]);
        end(&mut b, ids[0], first);
        if !first {
            end(&mut b, ids[2], true);
        }
        end(&mut b, ids[1], second);
        if first && !second {
            end(&mut b, ids[2], true);
        }
        assert_eq!(phases(&b, &ids), expected);
        assert!(b.take("w", 10).is_empty());
    }
}

#[test]
fn a_cancelled_parent_cancels_its_children_but_not_those_that_only_wait_for_its_end() {
    let mut b = bench();
    let ids = batch(&mut b, &[&[], &[place(0, When::Done)], &[place(1, When::Done)], &[place(0, When::Ended)]]);
    let answer = b.core.cancel(ids[0], b.now).unwrap();
    assert_eq!(b.did(answer), 3);
    assert_eq!(phases(&b, &ids), "Cancelled Cancelled Cancelled Ready");
}

#[test]
fn a_parent_that_has_ended_counts_and_one_that_nobody_knows_is_refused() {
    let mut b = bench();
    let parent = b.enqueue(Bench::task());
    end(&mut b, parent, true);
    let child = b.enqueue_with(|t| t.after = vec![after(parent, When::Done)]);
    let other = b.enqueue_with(|t| t.after = vec![after(parent, When::Failed)]);
    assert_eq!((b.phase(child), b.phase(other)), (Some(Phase::Ready), Some(Phase::Cancelled)));
    let nobody = NewTask { after: vec![after(TaskId(77), When::Done)], ..Bench::task() };
    let refusal = b.core.enqueue(vec![nobody.clone()], b.now).unwrap_err();
    assert_eq!(refusal, (0, Refusal::NoParent(TaskId(77).to_string())));
    // The store knows it: told so, the core takes the child in.
    let mut row = b.table.ended[&parent].0.clone();
    row.id = TaskId(77);
    b.core.restore_ended(&row, b.now);
    let child = b.enqueue(nobody);
    assert_eq!(b.phase(child), Some(Phase::Ready));
    let later = NewTask { after: vec![place(0, When::Done)], ..Bench::task() };
    assert!(matches!(b.core.enqueue(vec![later], b.now), Err((0, Refusal::NoParent(_)))));
}

#[test]
fn a_parent_with_thousands_of_children_tells_them_in_pieces() {
    let mut b = bench();
    let parent = b.enqueue(Bench::task());
    let children: Vec<TaskId> = (0..3000).map(|_| b.enqueue_with(|t| t.after = vec![after(parent, When::Done)])).collect();
    end(&mut b, parent, true);
    let ready = |b: &Bench| children.iter().filter(|id| b.phase(**id) == Some(Phase::Ready)).count();
    assert!((1000..1100).contains(&ready(&b)), "{}", ready(&b));
    b.crash();
    assert!(b.core.next_wake(b.now).is_some_and(|wake| wake <= b.now.at));
    b.seconds(1);
    assert_eq!(ready(&b), 3000);
}

#[test]
fn a_child_that_is_known_by_its_key_need_not_know_its_parents_any_more() {
    let mut b = bench();
    let parent = batch(&mut b, &[&[]])[0];
    let child = || NewTask {
        key: Some(Key { text: "k".into(), holds: Holds::Window }),
        after: vec![after(parent, When::Done)],
        ..Bench::task()
    };
    let id = b.enqueue(child());
    end(&mut b, parent, true);
    end(&mut b, id, true);
    // The store keeps the parent no longer.
    b.table.ended.remove(&parent);
    b.crash();
    assert_eq!(b.enqueue(child()), id);
    assert!(matches!(b.core.enqueue(vec![NewTask { key: None, ..child() }], b.now), Err((0, Refusal::NoParent(_)))));
}
