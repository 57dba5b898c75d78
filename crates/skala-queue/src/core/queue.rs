//! One queue: its settings, its ready tasks, its limits and its counters.
//!
//! Decides: whether one more attempt of the queue may begin now.
//! Invariants: `counts` are the tasks of each phase, exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use skala_types::Time;

use super::index::Fixed;
use super::line::Line;
use super::meter::{Mean, Minute};
use crate::rate::{Gcra, TenantRates};
use crate::ready::TenantIndex;
use crate::slow::Slow;
use crate::{Phase, QueueSettings};

/// Phases of tasks that have not ended.
pub(super) const LIVE_PHASES: usize = 5;
const MINUTE: u64 = 60_000_000_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) settings: QueueSettings,
    /// It is in the settings no more, or never was.
    pub(super) gone: bool,
    pub(super) paused: bool,
    pub(super) ready: Line,
    pub(super) limits: Limits,
    pub(super) counts: [u64; LIVE_PHASES],
    /// Of the delayed: by the minute in which they are due.
    due_minutes: BTreeMap<u64, u64>,
    pub(super) totals: Totals,
    pub(super) alarm: bool,
    /// When a worker asked last.
    pub(super) asked: Option<Time>,
    /// Where the next piece of a purge begins.
    pub(super) purge_at: u32,
    /// Is in the list of queues that have something to give.
    pub(super) woken: bool,
}

/// What limits the attempts that begin.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) rate: Option<Gcra>,
    pub(super) tenant_rates: Option<TenantRates>,
    pub(super) slow: Slow,
    /// Leases by tenant.
    pub(super) tenants: IndexMap<u32, u32, Fixed>,
    /// Leases by instance.
    pub(super) instances: IndexMap<u64, u32, Fixed>,
    /// A rate held something back that may begin then, on the monotonic clock.
    pub(super) wake_at: Option<Time>,
}

/// Counted since the core began.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) enqueued: u64,
    pub(super) duplicates: u64,
    pub(super) refused: u64,
    pub(super) done: u64,
    pub(super) dead: u64,
    pub(super) cancelled: u64,
    pub(super) attempts: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    pub(super) stale: u64,
    pub(super) spent: u64,
    pub(super) arrivals: Minute,
    pub(super) ends: Minute,
    pub(super) begins: Minute,
    pub(super) attempt: Mean,
}

impl Queue {
    pub(super) fn new(settings: QueueSettings, gone: bool) -> Queue {
        let limits = Limits {
            rate: settings.rate.map(Gcra::new),
            tenant_rates: settings.tenant_rate.map(TenantRates::new),
            slow: Slow::new(),
            tenants: IndexMap::default(),
            instances: IndexMap::default(),
            wake_at: None,
        };
        Queue {
            ready: Line::new(settings.aging),
            settings,
            gone,
            paused: false,
            limits,
            counts: [0; LIVE_PHASES],
            due_minutes: BTreeMap::new(),
            totals: Totals::default(),
            alarm: false,
            asked: None,
            purge_at: 0,
            woken: false,
        }
    }

    /// Takes new settings.
    pub(super) fn set(&mut self, settings: QueueSettings, now: Time) {
        self.limits.set(&settings);
        self.ready.set_aging(settings.aging, now);
        let had_limit = std::mem::replace(&mut self.settings, settings).per_tenant.is_some();
        self.gone = false;
        if had_limit || self.settings.per_tenant.is_some() {
            let busy: Vec<u32> = self.limits.tenants.keys().copied().collect();
            busy.into_iter().for_each(|tenant| self.settle_tenant(tenant, now));
        }
    }

    /// A tenant that has all that it may is set aside until one of its attempts ends, so that it is not asked about each time.
    pub(super) fn set_aside(&mut self, tenant: u32, now: Time) {
        if self.settings.per_tenant.is_some() {
            self.settle_tenant(tenant, now);
        }
    }

    fn settle_tenant(&mut self, tenant: u32, now: Time) {
        let held = self.limits.tenants.get(&tenant).copied().unwrap_or(0);
        let full = self.settings.per_tenant.is_some_and(|most| held >= most);
        self.ready.set_aside(tenant, full, now);
    }

    pub(super) fn count(&self, phase: Phase) -> u64 {
        self.counts[phase as usize]
    }

    /// Tasks that have not ended.
    pub(super) fn unfinished(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// One more task of a phase, due then if it is delayed.
    pub(super) fn enter(&mut self, phase: Phase, due: Time) {
        self.counts[phase as usize] += 1;
        if phase == Phase::Delayed {
            *self.due_minutes.entry(due.as_nanos() / MINUTE).or_default() += 1;
        }
    }

    /// One task less of a phase.
    pub(super) fn leave(&mut self, phase: Phase, due: Time) {
        self.counts[phase as usize] -= 1;
        if phase != Phase::Delayed {
            return;
        }
        let minute = due.as_nanos() / MINUTE;
        if let Some(count) = self.due_minutes.get_mut(&minute) {
            *count -= 1;
            if *count == 0 {
                self.due_minutes.remove(&minute);
            }
        }
    }

    /// Delayed tasks that are due until the minute of `wall + within` ends.
    pub(super) fn due_within(&self, wall: Time, within: Duration) -> u64 {
        self.due_minutes.range(..=(wall + within).as_nanos() / MINUTE).map(|m| m.1).sum()
    }

    /// A tenant's number will be another's.
    pub(super) fn forget_tenant(&mut self, tenant: u32) {
        self.ready.forget(tenant);
        if let Some(rates) = &mut self.limits.tenant_rates {
            rates.forget(TenantIndex(tenant));
        }
    }

    /// Whether nothing is given out, whoever asks.
    pub(super) fn stands(&self) -> bool {
        self.paused || self.gone
    }

    /// Whether all places of the queue are taken.
    pub(super) fn is_busy(&self) -> bool {
        self.settings.concurrency.is_some_and(|most| self.count(Phase::Leased) >= u64::from(most))
    }

    /// Whether some worker would get something.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty() && !self.stands() && !self.is_busy()
    }
}

impl Limits {
    fn set(&mut self, settings: &QueueSettings) {
        match (settings.rate, &mut self.rate) {
            (Some(rate), Some(gcra)) => gcra.set(rate),
            (rate, gcra) => *gcra = rate.map(Gcra::new),
        }
        match (settings.tenant_rate, &mut self.tenant_rates) {
            (Some(rate), Some(rates)) => rates.set(rate),
            (rate, rates) => *rates = rate.map(TenantRates::new),
        }
        self.wake_at = Some(Time::ZERO);
    }

    /// Whether the queue's rate and its slowness allow one more to begin now.
    pub(super) fn allow(&self, now: Time) -> Result<(), Time> {
        self.slow.peek(now)?;
        self.rate.as_ref().map_or(Ok(()), |rate| rate.peek(now))
    }

    /// A rate holds something back until then.
    pub(super) fn wait_until(&mut self, at: Time) {
        self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
    }

    /// One lease begins.
    pub(super) fn begin(&mut self, tenant: u32, instance: u64, now: Time) {
        let counted = self.slow.begin(now).is_ok()
            & self.rate.as_mut().is_none_or(|rate| rate.check(now).is_ok())
            & self.tenant_rates.as_mut().is_none_or(|rates| rates.check(TenantIndex(tenant), now).is_ok());
        debug_assert!(counted, "was peeked at before");
        *self.tenants.entry(tenant).or_default() += 1;
        *self.instances.entry(instance).or_default() += 1;
    }

    /// One lease ends.
    pub(super) fn end(&mut self, tenant: u32, instance: u64) {
        less(&mut self.tenants, tenant);
        less(&mut self.instances, instance);
    }
}

fn less<K: std::hash::Hash + Eq>(counts: &mut IndexMap<K, u32, Fixed>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.swap_remove(&key);
        }
    }
}
