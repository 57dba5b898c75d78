use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const AGING: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Time {
    Time::from_secs(1_800_000_000 + seconds)
}

fn drain(ready: &mut Ready, now: Time) -> Vec<u32> {
    std::iter::from_fn(|| ready.pop(now, |_| true)).collect()
}

/// All tasks in one list, searched through from end to end.
struct Model {
    aging: Duration,
    tasks: Vec<Task>,
    weights: BTreeMap<u32, u32>,
    places: BTreeMap<u32, (u8, u64)>,
    finish: BTreeMap<(u32, u8), u64>,
    virtual_time: [u64; CLASSES],
    pushed: u64,
}

#[derive(Clone, Copy)]
struct Task {
    slot: u32,
    tenant: u32,
    priority: u8,
    since: Time,
    order: u64,
}

impl Model {
    fn new(aging: Duration) -> Model {
        let (places, finish, weights) = Default::default();
        Model { aging, tasks: Vec::new(), weights, places, finish, virtual_time: [0; CLASSES], pushed: 0 }
    }

    fn weight(&self, tenant: u32) -> u64 {
        u64::from(self.weights.get(&tenant).copied().unwrap_or(1))
    }

    fn class(&self, task: Task, now: Time) -> u8 {
        let steps = if self.aging.is_zero() { 0 } else { now.since(task.since).as_nanos() / self.aging.as_nanos() };
        (u128::from(task.priority) + steps).min(10) as u8
    }

    /// Of each priority the one that came first; of those the one that is in the highest class first.
    fn head(&self, tenant: u32) -> Option<Task> {
        let mut heads: Vec<Task> = Vec::new();
        for priority in 0..=10 {
            let of = self.tasks.iter().filter(|t| t.tenant == tenant && t.priority == priority);
            heads.extend(of.min_by_key(|t| t.order));
        }
        if self.aging.is_zero() {
            return heads.into_iter().max_by_key(|t| t.priority);
        }
        heads.into_iter().min_by_key(|t| t.since + self.aging * u32::from(10 - t.priority))
    }

    fn settle(&mut self, tenant: u32, now: Time) {
        let Some(head) = self.head(tenant) else {
            self.places.remove(&tenant);
            return;
        };
        let class = self.class(head, now);
        let finish = self.finish.get(&(tenant, class)).copied().unwrap_or(0);
        let from = match self.places.get(&tenant) {
            Some((old, tag)) if *old == class => *tag,
            _ => self.virtual_time[usize::from(class)],
        };
        self.places.insert(tenant, (class, from.max(finish)));
    }

    fn push(&mut self, slot: u32, tenant: u32, priority: u8, since: Time, now: Time) {
        self.pushed += 1;
        self.tasks.push(Task { slot, tenant, priority, since, order: self.pushed });
        self.settle(tenant, now);
    }

    fn remove(&mut self, slot: u32, now: Time) -> bool {
        let Some(index) = self.tasks.iter().position(|t| t.slot == slot) else { return false };
        let tenant = self.tasks.remove(index).tenant;
        self.settle(tenant, now);
        true
    }

    fn pop(&mut self, now: Time, eligible: impl Fn(u32) -> bool) -> Option<u32> {
        let tenants: Vec<u32> = self.places.keys().copied().collect();
        for tenant in tenants {
            self.settle(tenant, now);
        }
        let order = |(tenant, (class, tag)): &(u32, (u8, u64))| {
            let head = self.head(*tenant).expect("a place has a task");
            let since = if self.aging.is_zero() { head.since } else { head.since + self.aging * u32::from(10 - head.priority) };
            (10 - class, *tag, since, *tenant)
        };
        let mut places: Vec<(u32, (u8, u64))> = self.places.iter().map(|(tenant, place)| (*tenant, *place)).collect();
        places.sort_by_key(order);
        let chosen = places.iter().position(|(tenant, _)| eligible(*tenant))?;
        for (tenant, (class, tag)) in &places[..chosen] {
            let tag = tag.max(&self.virtual_time[usize::from(*class)]) + COST / self.weight(*tenant);
            self.places.insert(*tenant, (*class, tag));
        }
        let (tenant, (class, tag)) = places[chosen];
        let start = tag.max(self.virtual_time[usize::from(class)]);
        self.virtual_time[usize::from(class)] = start;
        self.finish.insert((tenant, class), start + COST / self.weight(tenant));
        let slot = self.head(tenant)?.slot;
        self.remove(slot, now);
        Some(slot)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push { tenant: u32, priority: u8, waited: u64 },
    Pop { not: u32 },
    Remove(usize),
    Wait(u64),
    Weight { tenant: u32, weight: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u32..5, 0u8..=10, 0u64..300).prop_map(|(tenant, priority, waited)| Step::Push { tenant, priority, waited }),
        5 => (0u32..10).prop_map(|not| Step::Pop { not }),
        1 => (0usize..100).prop_map(Step::Remove),
        1 => (0u64..200).prop_map(Step::Wait),
        1 => (0u32..5, 1u32..20).prop_map(|(tenant, weight)| Step::Weight { tenant, weight }),
    ]
}

proptest! {
    #[test]
    fn tasks_come_in_the_order_of_a_naive_model(aging in prop_oneof![Just(0u64), Just(7), Just(60)], steps in proptest::collection::vec(step(), 1..300)) {
        let aging = Duration::from_secs(aging);
        let (mut ready, mut model, mut now, mut slots) = (Ready::new(aging), Model::new(aging), at(1000), 0u32);
        for step in steps {
            match step {
                Step::Push { tenant, priority, waited } => {
                    // No two became ready in the same nanosecond, so that there are no ties.
                    let since = now.minus(Duration::from_secs(waited)) + Duration::from_nanos(u64::from(slots));
                    ready.push(slots, TenantIndex(tenant), priority, since, now);
                    model.push(slots, tenant, priority, since, now);
                    slots += 1;
                }
                Step::Pop { not } => {
                    let peeked = ready.peek(now, |t| t.0 != not);
                    let popped = ready.pop(now, |t| t.0 != not);
                    prop_assert_eq!(peeked, popped);
                    prop_assert_eq!(popped, model.pop(now, |t| t != not));
                }
                Step::Remove(which) => {
                    let slot = model.tasks.get(which).map_or(slots + 7, |t| t.slot);
                    prop_assert_eq!(ready.remove(slot, now), model.remove(slot, now));
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::Weight { tenant, weight } => {
                    ready.set_weight(TenantIndex(tenant), weight);
                    model.weights.insert(tenant, weight);
                }
            }
            prop_assert_eq!(ready.len(), model.tasks.len());
            let heads = model.tasks.iter().filter(|t| !model.tasks.iter().any(|o| (o.tenant, o.priority) == (t.tenant, t.priority) && o.order < t.order));
            prop_assert_eq!(ready.oldest(), heads.map(|t| t.since).min());
        }
        let rest = drain(&mut ready, now);
        prop_assert_eq!(rest.len(), model.tasks.len());
        prop_assert!(ready.is_empty() && ready.oldest().is_none() && ready.rises.first().is_none());
    }

    #[test]
    fn shares_under_backlog_are_those_of_the_weights(weights in proptest::collection::vec(1u32..20, 2..8), burst in 1usize..30) {
        let mut ready = Ready::new(AGING);
        let sum: u32 = weights.iter().sum();
        let served = 20 * sum as usize;
        for (tenant, weight) in weights.iter().enumerate() {
            ready.set_weight(TenantIndex(tenant as u32), *weight);
            // Whoever comes first in great numbers gains nothing by it.
            for n in 0..served {
                ready.push((tenant * served + n) as u32, TenantIndex(tenant as u32), 0, at((n / burst) as u64 % 50), at(50));
            }
        }
        let mut counts = vec![0.0; weights.len()];
        for _ in 0..served {
            counts[ready.pop(at(50), |_| true).expect("a backlog") as usize / served] += 1.0;
        }
        for (count, weight) in counts.iter().zip(&weights) {
            let expected = f64::from(20 * weight);
            prop_assert!((count - expected).abs() <= 0.1 * expected, "{counts:?} for {weights:?}");
        }
    }

    /// One task per second arrives with each of the higher priorities, one is served: without aging the first would wait for ever.
    #[test]
    fn no_task_starves_while_others_of_higher_priority_keep_coming(priority in 0u8..10, others in 1u32..5) {
        let mut ready = Ready::new(AGING);
        ready.push(0, TenantIndex(0), priority, at(0), at(0));
        let mut waited = None;
        for second in 0..10_000u64 {
            for tenant in 0..others {
                ready.push(1 + second as u32 * others + tenant, TenantIndex(tenant), 10, at(second), at(second));
            }
            if ready.pop(at(second), |_| true) == Some(0) {
                waited = Some(second);
                break;
            }
        }
        // Ten classes to climb; then those of its own tenant that came before it would have, and the others' shares.
        let bound = (600 * u64::from(others) + 600) * 2;
        prop_assert!(waited.is_some_and(|waited| waited <= bound), "{waited:?}");
    }

    #[test]
    fn tasks_of_one_tenant_and_priority_come_in_their_order(pushes in proptest::collection::vec((0u32..3, 0u8..3), 1..100)) {
        let mut ready = Ready::new(AGING);
        for (slot, (tenant, priority)) in pushes.iter().enumerate() {
            ready.push(slot as u32, TenantIndex(*tenant), *priority, at(slot as u64), at(slot as u64));
        }
        let mut last: BTreeMap<(u32, u8), u32> = BTreeMap::new();
        for slot in drain(&mut ready, at(200)) {
            let before = last.insert(pushes[slot as usize], slot);
            prop_assert!(before.is_none_or(|before| before < slot));
        }
    }

    #[test]
    fn the_number_ahead_of_a_task_is_how_many_are_served_before_it(
        mut pushes in proptest::collection::vec((0u64..300, 0u8..=10), 1..60), pick: prop::sample::Index,
    ) {
        pushes.sort_unstable();
        let mut ready = Ready::new(AGING);
        for (slot, (second, priority)) in pushes.iter().enumerate() {
            let since = at(*second) + Duration::from_nanos(slot as u64);
            ready.push(slot as u32, TenantIndex(0), *priority, since, since);
        }
        let slot = pick.index(pushes.len()) as u32;
        let (ahead, bounded) = (ready.ahead(slot, at(300), 1000), ready.ahead(slot, at(300), 3));
        let place = drain(&mut ready, at(300)).iter().position(|s| *s == slot).expect("it is there");
        prop_assert_eq!((ahead, bounded), (place, place.min(3)));
    }
}

#[test]
fn those_ahead_in_other_tenants_follow_from_classes_and_shares() {
    let mut ready = Ready::new(AGING);
    ready.set_weight(TenantIndex(1), 2);
    for n in 0..100 {
        for (tenant, priority) in [(0, 5), (1, 5), (2, 6), (3, 4)] {
            ready.push(n + 100 * tenant, TenantIndex(tenant), priority, at(0), at(0));
        }
    }
    // Nine of its own, twenty of the heavier tenant, a hundred of the higher class.
    assert_eq!(ready.ahead(9, at(0), 1000), 9 + 20 + 100);
    let place = drain(&mut ready, at(0)).iter().position(|s| *s == 9).expect("it is there");
    assert!((127..=129).contains(&place), "{place}");
}

#[test]
fn higher_classes_come_first_and_a_minute_of_waiting_is_worth_a_class() {
    let mut ready = Ready::new(AGING);
    ready.push(1, TenantIndex(0), 0, at(0), at(0));
    ready.push(2, TenantIndex(0), 3, at(100), at(100));
    ready.push(3, TenantIndex(1), 4, at(100), at(100));
    assert_eq!(ready.ahead(1, at(100), 1000), 2);
    // After 239 s the first is in class 3, the others are in 5 and 6; after 301 s all are in classes 5, 6, 7.
    assert_eq!(drain(&mut ready.clone(), at(239)), [3, 2, 1]);
    assert_eq!(drain(&mut ready.clone(), at(100_000)).len(), 3);
    ready.push(4, TenantIndex(0), 5, at(301), at(301));
    // 4 is in class 5 as 1 is, but 1 has been on its way there for longer.
    assert_eq!(drain(&mut ready, at(301)), [3, 2, 1, 4]);
}

#[test]
fn without_aging_priorities_are_strict() {
    let mut ready = Ready::new(Duration::ZERO);
    ready.push(1, TenantIndex(0), 0, at(0), at(0));
    ready.push(2, TenantIndex(1), 10, at(1_000_000), at(1_000_000));
    assert_eq!(drain(&mut ready, at(1_000_000)), [2, 1]);
}

#[test]
fn a_tenant_that_was_idle_or_kept_back_saves_nothing_up() {
    let tenant = |slot: u32| slot / 1000;
    let served =
        |ready: &mut Ready, n: usize| -> Vec<u32> { (0..n).filter_map(|_| ready.pop(at(1), |_| true)).map(tenant).collect() };
    let mut ready = Ready::new(AGING);
    for n in 0..900 {
        ready.push(n, TenantIndex(0), 0, at(0), at(0));
    }
    ready.push(1000, TenantIndex(1), 0, at(0), at(0));
    for _ in 0..500 {
        assert_eq!(ready.pop(at(1), |t| t.0 == 0).map(tenant), Some(0));
    }
    for n in 1..100 {
        ready.push(1000 + n, TenantIndex(1), 0, at(1), at(1));
        ready.push(2000 + n, TenantIndex(2), 0, at(1), at(1));
    }
    let mut first = served(&mut ready, 30);
    first.sort_unstable();
    assert_eq!(first, [[0; 10], [1; 10], [2; 10]].concat());
}

#[test]
fn a_tenant_aside_is_not_found_and_comes_back_to_its_place() {
    let mut ready = Ready::new(AGING);
    for n in 0..3 {
        ready.push(n, TenantIndex(0), 0, at(0), at(0));
        ready.push(10 + n, TenantIndex(1), 0, at(1), at(1));
    }
    ready.set_aside(TenantIndex(0), true, at(1));
    assert_eq!(ready.pop(at(1), |_| true), Some(10));
    assert_eq!((ready.len(), ready.oldest(), ready.of_tenant(TenantIndex(0))), (5, Some(at(0)), 3));
    ready.set_aside(TenantIndex(0), false, at(1));
    assert_eq!(drain(&mut ready, at(1)), [0, 1, 11, 2, 12]);
}

#[test]
fn a_task_handed_back_is_the_next_again() {
    let mut ready = Ready::new(AGING);
    for n in 0..3 {
        ready.push(n, TenantIndex(0), 5, at(u64::from(n)), at(3));
    }
    let first = ready.pop(at(3), |_| true).expect("there are three");
    ready.push_front(first, TenantIndex(0), 5, at(0), at(3));
    assert_eq!(ready.oldest(), Some(at(0)));
    assert_eq!(drain(&mut ready, at(3)), [0, 1, 2]);
}

#[test]
fn a_forgotten_number_is_a_new_tenant() {
    let mut ready = Ready::new(AGING);
    ready.set_weight(TenantIndex(0), 7);
    ready.push(0, TenantIndex(0), 0, at(0), at(0));
    ready.forget(TenantIndex(0));
    assert_eq!(ready.pop(at(0), |_| true), Some(0), "not while it has tasks");
    ready.forget(TenantIndex(0));
    assert_eq!((ready.tenants[0].weight, ready.tenants[0].finish.len()), (1, 0));
}

#[test]
fn a_long_backlog_leaves_no_memory_behind() {
    let mut ready = Ready::new(AGING);
    for turn in 0..2 {
        for n in 0..100_000u32 {
            ready.push(n, TenantIndex(n % 7), (n % 3) as u8, at(u64::from(n)), at(u64::from(n)));
        }
        assert_eq!(drain(&mut ready, at(100_000 + turn)).len(), 100_000);
        assert!(ready.lanes.is_empty() && !ready.links.is_large() && ready.oldest().is_none());
    }
}
