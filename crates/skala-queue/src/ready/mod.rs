//! The ready tasks of one queue, in the order in which they are served.
//!
//! Decides: which ready task is next.
//! Inputs: priority, tenant and waiting time of each task; weights of tenants; which tenants may begin something; `now`, monotonic.
//! Method: a task's class is its priority plus one per `aging` that it has waited, at most 10. The highest class is served first; within
//!   a class tenants share by weight (start-time fair queueing, Goyal et al. 1996: each tenant's next task has a start tag, the least is
//!   served, and a tenant that was idle begins at the tag of the one last served, so that it saves up nothing); within a tenant the task
//!   whose class rises first, so that tasks of equal priority are served in the order in which they came.
//! Cost: 24 bytes per task; pop, push and remove take O(log tenants). Tenants at a limit are passed over, not their tasks.
//! Invariants: no task is passed over for ever by others of its tenant: those that come `10 * aging` later are behind it. Between
//!   tenants with ready tasks of one class, tasks served differ from the weights' shares by at most one task of each.
//! Tested: `tests` below against a naive model.

mod links;
mod marks;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use skala_types::Time;

use crate::PRIORITIES;
use links::{Links, NONE};
use marks::Marks;

/// Classes: priorities 0 to 10.
const CLASSES: usize = *PRIORITIES.end() as usize + 1;
/// The heaviest weight of a tenant; a heavier one counts as this.
pub const HEAVIEST: u32 = 10_000;
/// What a task of a tenant of weight 1 adds to its tag. With weights up to 10,000 shares are exact to 0.3 %, and tags last for seven
/// years of 20,000 tasks a second.
const COST: u64 = 1 << 22;

/// Aging as slow as this is none.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// The number of a tenant of a queue. Whoever gives the numbers may use one again after [`Ready::forget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantIndex(pub u32);

/// Where a task stands within its tenant: the least is first. First its rank, for queues without aging; then the time at which it is
/// in the highest class.
type Key = (u8, u64);

/// The ready tasks of one queue. Tasks are known by their slot, a small number that the caller gives each.
#[derive(Clone, Debug)]
pub struct Ready {
    aging: Duration,
    links: Links,
    lanes: Vec<Lane>,
    free_lanes: u32,
    tenants: Vec<Tenant>,
    classes: [Class; CLASSES],
    /// When the class of a tenant's first task rises.
    rises: Marks,
    /// Since when the heads of lanes wait.
    oldest: Marks,
    len: usize,
    /// Tenants that the last pop passed over.
    kept_back: Vec<u32>,
}

/// Tasks of one tenant and priority, in the order in which they came.
#[derive(Clone, Copy, Debug)]
struct Lane {
    head: u32,
    tail: u32,
    len: u32,
    tenant: u32,
    /// The tenant's next lane; of a free one, the next free one.
    next: u32,
    priority: u8,
}

#[derive(Clone, Debug)]
struct Tenant {
    lanes: u32,
    weight: u32,
    /// Where it stands, while it has ready tasks and is not set aside.
    place: Option<Place>,
    aside: bool,
    /// Where its next start tag lies, for each class in which it was served.
    finish: Vec<(u8, u64)>,
}

/// A tenant's place among those of its class.
#[derive(Clone, Copy, Debug)]
struct Place {
    class: u8,
    tag: u64,
    key: Key,
    rises: Option<Time>,
}

/// Tenants whose first task is of one class, by start tag, and where these are equal by the task's key.
#[derive(Clone, Debug, Default)]
struct Class {
    order: BTreeSet<(u64, u64, u32)>,
    /// Start tag of the task last served.
    virtual_time: u64,
}

impl Ready {
    /// No tasks; they gain a class per `aging`, zero for never.
    pub fn new(aging: Duration) -> Ready {
        Ready {
            aging: bounded(aging),
            links: Links::default(),
            lanes: Vec::new(),
            free_lanes: NONE,
            tenants: Vec::new(),
            classes: std::array::from_fn(|_| Class::default()),
            rises: Marks::default(),
            oldest: Marks::default(),
            len: 0,
            kept_back: Vec::new(),
        }
    }

    /// Ready tasks.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is ready.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Replaces the aging of all tasks.
    pub fn set_aging(&mut self, aging: Duration, now: Time) {
        self.aging = bounded(aging);
        for tenant in 0..self.tenants.len() as u32 {
            self.settle(tenant, now);
        }
    }

    /// Gives a tenant its weight: 1 to [`HEAVIEST`].
    pub fn set_weight(&mut self, tenant: TenantIndex, weight: u32) {
        self.tenant(tenant).weight = weight.clamp(1, HEAVIEST);
    }

    /// The number will be another tenant's: its weight and what it was served are forgotten. Not while it has ready tasks.
    pub fn forget(&mut self, tenant: TenantIndex) {
        if self.tenants.get(tenant.0 as usize).is_some_and(|t| t.lanes == NONE) {
            self.tenants[tenant.0 as usize] = Tenant::new();
        }
    }

    /// Sets a tenant aside, or takes it back: while it is aside, its tasks are not found. For a tenant that stays at a limit for long,
    /// instead of answering no for it at each [`Ready::pop`].
    pub fn set_aside(&mut self, tenant: TenantIndex, aside: bool, now: Time) {
        if std::mem::replace(&mut self.tenant(tenant).aside, aside) != aside {
            self.settle(tenant.0, now);
        }
    }

    /// A task is ready, since a time of the monotonic clock. It comes after those of its tenant and priority.
    pub fn push(&mut self, slot: u32, tenant: TenantIndex, priority: u8, since: Time, now: Time) {
        let lane = self.lane(tenant, priority.min(*PRIORITIES.end()));
        let tail = self.lanes[lane as usize].tail;
        self.links.insert(slot, lane, since, tail, NONE);
        self.linked(lane, slot, tail, NONE, now);
    }

    /// As [`Ready::push`], but it comes before those of its tenant and priority: a task that was handed back unbegun.
    pub fn push_front(&mut self, slot: u32, tenant: TenantIndex, priority: u8, since: Time, now: Time) {
        let lane = self.lane(tenant, priority.min(*PRIORITIES.end()));
        let head = self.lanes[lane as usize].head;
        self.links.insert(slot, lane, since, NONE, head);
        self.linked(lane, slot, NONE, head, now);
    }

    /// Takes the next task whose tenant may begin one. `eligible` is asked once per tenant, in order, until it says yes; a tenant that
    /// may not loses a turn, so that it is not asked again at once. For a tenant that stays at a limit, [`Ready::set_aside`] is better:
    /// when none may, all that are not aside were asked.
    pub fn pop(&mut self, now: Time, eligible: impl FnMut(TenantIndex) -> bool) -> Option<u32> {
        let mut kept_back = std::mem::take(&mut self.kept_back);
        kept_back.clear();
        let first = self.first(now, eligible, &mut kept_back);
        if first.is_some() {
            kept_back.iter().for_each(|tenant| self.lose_turn(*tenant));
        }
        self.kept_back = kept_back;
        let (class, tag, tenant) = first?;
        // A tenant that was kept back by a limit stands behind the virtual time: it saves nothing up by that either.
        let virtual_time = &mut self.classes[usize::from(class)].virtual_time;
        *virtual_time = tag.max(*virtual_time);
        let state = &mut self.tenants[tenant as usize];
        let finish = *virtual_time + state.cost();
        match state.finish.iter_mut().find(|(of, _)| *of == class) {
            Some(known) => known.1 = finish,
            None => state.finish.push((class, finish)),
        }
        let slot = self.next_of(tenant)?;
        self.unlink(slot, now);
        Some(slot)
    }

    /// The task that [`Ready::pop`] would take.
    pub fn peek(&mut self, now: Time, eligible: impl FnMut(TenantIndex) -> bool) -> Option<u32> {
        let (_, _, tenant) = self.first(now, eligible, &mut Vec::new())?;
        self.next_of(tenant)
    }

    /// The class of the task that [`Ready::pop`] would take.
    pub fn top_class(&mut self, now: Time, eligible: impl FnMut(TenantIndex) -> bool) -> Option<u8> {
        self.first(now, eligible, &mut Vec::new()).map(|(class, _, _)| class)
    }

    /// Takes a task out, wherever it stands. Whether it was there.
    pub fn remove(&mut self, slot: u32, now: Time) -> bool {
        let known = self.contains(slot);
        if known {
            self.unlink(slot, now);
        }
        known
    }

    /// Whether the task is among the ready ones.
    pub fn contains(&self, slot: u32) -> bool {
        self.links.lane(slot).is_some()
    }

    /// Since when the task that waits longest is ready, on the monotonic clock.
    pub fn oldest(&self) -> Option<Time> {
        self.oldest.first().map(|(since, _)| since)
    }

    /// Ready tasks of a tenant.
    pub fn of_tenant(&self, tenant: TenantIndex) -> usize {
        self.lanes_of(tenant.0).map(|lane| self.lanes[lane as usize].len as usize).sum()
    }

    /// Tasks that are served before this one if no other comes, at most `most`: exact within a tenant and between classes, by shares
    /// between tenants of one class.
    pub fn ahead(&self, slot: u32, now: Time, most: usize) -> usize {
        let Some(lane) = self.links.lane(slot) else { return 0 };
        let Lane { tenant, priority, .. } = self.lanes[lane as usize];
        let (key, class) = (self.key(priority, self.links.since(slot)), self.class(priority, self.links.since(slot), now));
        let mut own = self.links.before(slot, most);
        for other in self.lanes_of(tenant).filter(|other| *other != lane) {
            own += self.count_while(other, most, |p, since| (self.key(p, since), other) < (key, lane));
        }
        let weight = u64::from(self.tenants[tenant as usize].weight);
        let mut ahead = own;
        for (other, state) in self.tenants.iter().enumerate().filter(|(other, _)| *other != tenant as usize) {
            if ahead >= most {
                break;
            }
            let share = ((own as u64 + 1) * u64::from(state.weight) / weight) as usize;
            let (mut higher, mut same) = (0, 0);
            for lane in self.lanes_of(other as u32) {
                higher += self.count_while(lane, most, |p, since| self.class(p, since, now) > class);
                same += self.count_while(lane, most, |p, since| self.class(p, since, now) >= class);
            }
            ahead += higher + (same - higher).min(share);
        }
        ahead.min(most)
    }

    fn tenant(&mut self, tenant: TenantIndex) -> &mut Tenant {
        let index = tenant.0 as usize;
        if index >= self.tenants.len() {
            self.tenants.resize_with(index + 1, Tenant::new);
        }
        &mut self.tenants[index]
    }

    fn lanes_of(&self, tenant: u32) -> impl Iterator<Item = u32> {
        let first = self.tenants.get(tenant as usize).map_or(NONE, |t| t.lanes);
        let some = |lane: u32| (lane != NONE).then_some(lane);
        std::iter::successors(some(first), move |lane| some(self.lanes[*lane as usize].next))
    }

    /// The lane of a tenant and priority, made if need be.
    fn lane(&mut self, tenant: TenantIndex, priority: u8) -> u32 {
        let first = self.tenant(tenant).lanes;
        if let Some(lane) = self.lanes_of(tenant.0).find(|lane| self.lanes[*lane as usize].priority == priority) {
            return lane;
        }
        let new = Lane { head: NONE, tail: NONE, len: 0, tenant: tenant.0, next: first, priority };
        let lane = match self.free_lanes {
            NONE => {
                self.lanes.push(new);
                self.lanes.len() as u32 - 1
            }
            free => {
                self.free_lanes = std::mem::replace(&mut self.lanes[free as usize], new).next;
                free
            }
        };
        self.tenant(tenant).lanes = lane;
        lane
    }

    fn free_lane(&mut self, lane: u32) {
        let Lane { tenant, next, .. } = self.lanes[lane as usize];
        let before = self.lanes_of(tenant).find(|before| self.lanes[*before as usize].next == lane);
        match before {
            Some(before) => self.lanes[before as usize].next = next,
            None => self.tenants[tenant as usize].lanes = next,
        }
        self.lanes[lane as usize].next = std::mem::replace(&mut self.free_lanes, lane);
    }

    /// A slot was put between two others of a lane.
    fn linked(&mut self, lane: u32, slot: u32, before: u32, after: u32, now: Time) {
        self.len += 1;
        let state = &mut self.lanes[lane as usize];
        state.len += 1;
        if after == NONE {
            state.tail = slot;
        }
        if before == NONE {
            let tenant = state.tenant;
            self.set_head(lane, slot);
            self.settle(tenant, now);
        }
    }

    fn unlink(&mut self, slot: u32, now: Time) {
        let Some((lane, before, after)) = self.links.lane(slot).map(|lane| (lane, self.links.prev(slot), self.links.next(slot)))
        else {
            return;
        };
        self.len -= 1;
        let state = &mut self.lanes[lane as usize];
        state.len -= 1;
        let (tenant, is_empty) = (state.tenant, state.len == 0);
        if after == NONE {
            state.tail = before;
        }
        if before == NONE {
            self.set_head(lane, after);
        }
        self.links.remove(slot);
        if is_empty {
            self.free_lane(lane);
        }
        if before == NONE {
            self.settle(tenant, now);
        }
        if self.len == 0 && self.links.is_large() {
            self.give_memory_back();
        }
    }

    /// After a long backlog: nothing is in any list.
    fn give_memory_back(&mut self) {
        (self.links, self.lanes, self.free_lanes) = (Links::default(), Vec::new(), NONE);
        (self.rises, self.oldest) = (Marks::default(), Marks::default());
    }

    /// Keeps the index of heads by age.
    fn set_head(&mut self, lane: u32, head: u32) {
        self.lanes[lane as usize].head = head;
        if head != NONE {
            self.oldest.add(self.links.since(head), lane);
        }
        let (lanes, links) = (&self.lanes, &self.links);
        self.oldest.tidy(lanes.len(), |since, lane| {
            let head = lanes[lane as usize].head;
            head != NONE && links.since(head) == since
        });
    }

    /// The lane with the tenant's next task, and that task's key.
    fn head_lane(&self, tenant: u32) -> Option<(u32, Key)> {
        self.lanes_of(tenant).map(|lane| (lane, self.head_key(lane))).min_by_key(|(lane, key)| (*key, *lane))
    }

    fn head_key(&self, lane: u32) -> Key {
        let Lane { head, priority, .. } = self.lanes[lane as usize];
        self.key(priority, self.links.since(head))
    }

    fn key(&self, priority: u8, since: Time) -> Key {
        let below = PRIORITIES.end() - priority;
        if self.aging.is_zero() {
            return (below, since.as_nanos());
        }
        (0, (since + self.aging.saturating_mul(u32::from(below))).as_nanos())
    }

    fn class(&self, priority: u8, since: Time, now: Time) -> u8 {
        if self.aging.is_zero() {
            return priority;
        }
        let gained = now.since(since).as_nanos() / self.aging.as_nanos();
        priority.saturating_add(u8::try_from(gained).unwrap_or(u8::MAX)).min(*PRIORITIES.end())
    }

    /// Puts a tenant where its next task belongs.
    fn settle(&mut self, tenant: u32, now: Time) {
        let place = self.place(tenant, now);
        let old = std::mem::replace(&mut self.tenants[tenant as usize].place, place);
        if let Some(old) = old {
            self.classes[usize::from(old.class)].order.remove(&(old.tag, old.key.1, tenant));
        }
        if let Some(place) = place {
            self.classes[usize::from(place.class)].order.insert((place.tag, place.key.1, tenant));
        }
        if let Some(at) = place.and_then(|place| place.rises).filter(|at| old.and_then(|old| old.rises) != Some(*at)) {
            self.rises.add(at, tenant);
        }
        let tenants = &self.tenants;
        self.rises.tidy(tenants.len(), |at, tenant| tenants[tenant as usize].place.is_some_and(|place| place.rises == Some(at)));
    }

    fn place(&self, tenant: u32, now: Time) -> Option<Place> {
        let state = &self.tenants[tenant as usize];
        let (lane, key) = self.head_lane(tenant).filter(|_| !state.aside)?;
        let Lane { head, priority, .. } = self.lanes[lane as usize];
        let since = self.links.since(head);
        let class = self.class(priority, since, now);
        let tag = match state.place {
            // It has been waiting in this class: its turn stays what it was, unless it was served since.
            Some(old) if old.class == class => old.tag.max(state.finished(class)),
            _ => self.classes[usize::from(class)].virtual_time.max(state.finished(class)),
        };
        let rises = (class < *PRIORITIES.end() && !self.aging.is_zero())
            .then(|| since + self.aging.saturating_mul(u32::from(class - priority) + 1));
        Some(Place { class, tag, key, rises })
    }

    /// Tenants whose first task has waited for long enough rise by classes.
    fn rise(&mut self, now: Time) {
        while let Some((at, tenant)) = self.rises.first() {
            if at > now {
                return;
            }
            self.settle(tenant, now);
        }
    }

    /// The tenant that is served next: its class, its tag, itself; and those before it that are not eligible.
    fn first(
        &mut self,
        now: Time,
        mut eligible: impl FnMut(TenantIndex) -> bool,
        kept_back: &mut Vec<u32>,
    ) -> Option<(u8, u64, u32)> {
        self.rise(now);
        for (class, state) in self.classes.iter().enumerate().rev() {
            for (tag, _, tenant) in &state.order {
                if eligible(TenantIndex(*tenant)) {
                    return Some((class as u8, *tag, *tenant));
                }
                kept_back.push(*tenant);
            }
        }
        None
    }

    /// As if the tenant had been served, except that its task stays.
    fn lose_turn(&mut self, tenant: u32) {
        let state = &mut self.tenants[tenant as usize];
        let cost = state.cost();
        let Some(place) = &mut state.place else { return };
        let class = &mut self.classes[usize::from(place.class)];
        class.order.remove(&(place.tag, place.key.1, tenant));
        place.tag = place.tag.max(class.virtual_time) + cost;
        class.order.insert((place.tag, place.key.1, tenant));
    }

    fn next_of(&self, tenant: u32) -> Option<u32> {
        self.head_lane(tenant).map(|(lane, _)| self.lanes[lane as usize].head)
    }

    /// Tasks at the beginning of a lane for which something holds.
    fn count_while(&self, lane: u32, most: usize, holds: impl Fn(u8, Time) -> bool) -> usize {
        let Lane { head, priority, .. } = self.lanes[lane as usize];
        self.links.from(head).take(most).take_while(|slot| holds(priority, self.links.since(*slot))).count()
    }
}

impl Tenant {
    fn new() -> Tenant {
        Tenant { lanes: NONE, weight: 1, place: None, aside: false, finish: Vec::new() }
    }

    /// What one task adds to its tag.
    fn cost(&self) -> u64 {
        COST / u64::from(self.weight)
    }

    fn finished(&self, class: u8) -> u64 {
        self.finish.iter().find(|(of, _)| *of == class).map_or(0, |(_, finish)| *finish)
    }
}

fn bounded(aging: Duration) -> Duration {
    if aging < NEVER { aging } else { Duration::ZERO }
}
