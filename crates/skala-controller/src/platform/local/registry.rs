//! The table of replicas that snapshots are taken from, and what else supervisors share.
//!
//! Decides: which events are dropped (those that find the channel full), and that a service is told only once of unenforced limits.
//! Inputs: reports of the supervisors and the sampler.
//! Invariants: a lock is held for a few assignments, never across a wait; a stopping replica stays `Stopping`.
//! Tested: `tests/local/`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use skala_types::ServiceName;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cgroup::{Group, Layout};
use super::procfs::{Leader, Process, Tag};
use super::replica::Key;
use super::usage::Meter;
use super::{Inner, OLD_LOGS, locked, logs};
use crate::platform::{EventKind, Phase, PlatformEvent, ProcessSpec, ReplicaStatus, Size};

/// One replica in the table.
pub(super) struct Entry {
    /// What a snapshot shows.
    pub(super) status: ReplicaStatus,
    stop: watch::Sender<Option<Instant>>,
    life: Option<(Option<Arc<Group>>, Meter)>,
    lives: u32,
    /// What it was given instead of its specification's.
    size: Option<Size>,
    /// Kills for want of memory in its group that were told.
    oom_told: u64,
}

impl Inner {
    /// Enters a new replica, unless its id is taken; gives where its stop order will appear.
    pub(super) fn admit(&self, key: &Key) -> Option<watch::Receiver<Option<Instant>>> {
        let now = (self.clock)();
        let mut replicas = locked(&self.replicas);
        if replicas.contains_key(key) {
            return None;
        }
        let (stop, order) = watch::channel(None);
        let status = ReplicaStatus {
            service: key.0.clone(),
            id: key.1,
            addr: None,
            pid: None,
            phase: Phase::Starting,
            phase_since: now,
            started_at: now,
            restarts: 0,
            last_exit: None,
            usage: None,
        };
        replicas.insert(key.clone(), Entry { status, stop, life: None, lives: 0, size: None, oom_told: 0 });
        self.working.send_modify(|count| *count += 1);
        let live: BTreeSet<_> = replicas.keys().filter(|other| other.0 == key.0).map(|other| other.1).collect();
        drop(replicas);
        logs::prune(&self.state_dir, &key.0, &live, OLD_LOGS);
        Some(order)
    }

    /// Orders a replica to end by `deadline`, or by the earlier deadline that it has.
    pub(super) fn stop(&self, key: &Key, deadline: Instant) {
        let now = (self.clock)();
        if let Some(entry) = locked(&self.replicas).get_mut(key) {
            entry.set_phase(Phase::Stopping, now);
            entry.stop.send_if_modified(|order| {
                let sooner = order.is_none_or(|before| deadline < before);
                if sooner {
                    *order = Some(deadline);
                }
                sooner
            });
        }
    }

    /// Orders every replica to end within `grace`.
    pub(super) fn stop_all(&self, grace: Duration) {
        let keys: Vec<Key> = locked(&self.replicas).keys().cloned().collect();
        let deadline = Instant::now() + grace;
        keys.iter().for_each(|key| self.stop(key, deadline));
    }

    /// Takes a replica off the table.
    pub(super) fn forget(&self, key: &Key) {
        locked(&self.replicas).remove(key);
    }

    /// Counts a supervisor that is done.
    pub(super) fn count_down(&self) {
        self.working.send_modify(|count| *count -= 1);
    }

    /// Reports an event; drops it when the channel is full.
    pub(super) fn emit(&self, key: &Key, kind: EventKind) {
        self.send(PlatformEvent { at: (self.clock)(), service: key.0.clone(), replica: Some(key.1), kind });
    }

    fn send(&self, event: PlatformEvent) {
        if self.events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Shows a replica in a phase.
    pub(super) fn set_phase(&self, key: &Key, phase: Phase) {
        let now = (self.clock)();
        if let Some(entry) = locked(&self.replicas).get_mut(key) {
            entry.set_phase(phase, now);
        }
    }

    /// Shows how a replica's last process ended.
    pub(super) fn note_exit(&self, key: &Key, status: &str) {
        if let Some(entry) = locked(&self.replicas).get_mut(key) {
            entry.status.last_exit = Some(status.to_owned());
        }
    }

    /// Shows a new process of a replica.
    pub(super) fn begin_life(&self, key: &Key, pid: u32, addr: SocketAddr, group: Option<Arc<Group>>, meter: Meter) {
        let now = (self.clock)();
        if let Some(entry) = locked(&self.replicas).get_mut(key) {
            entry.status.restarts = entry.lives;
            entry.lives = entry.lives.saturating_add(1);
            entry.status.addr = Some(addr);
            entry.status.pid = Some(pid);
            entry.status.started_at = now;
            entry.oom_told = group.as_ref().map_or(0, |group| group.oom_kills());
            entry.life = Some((group, meter));
            entry.set_phase(Phase::Starting, now);
        }
    }

    /// What a replica's next process gets: the specification, with the size that the replica was given since.
    pub(super) fn sized(&self, key: &Key, spec: &Arc<ProcessSpec>) -> Arc<ProcessSpec> {
        match locked(&self.replicas).get(key).and_then(|entry| entry.size) {
            Some(Size { requests, limits }) => Arc::new(ProcessSpec { requests, limits, ..(**spec).clone() }),
            None => spec.clone(),
        }
    }

    /// Gives a replica another size.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(super) fn resize(&self, key: &Key, size: &Size) -> Result<(), String> {
        let group = match locked(&self.replicas).get(key) {
            None => return Err("there is no such replica".into()),
            Some(entry) => entry.life.as_ref().map(|(group, _)| group.clone()),
        };
        match (group, &self.layout) {
            (Some(Some(group)), _) => group.resize(size)?,
            (Some(None), Err(why)) => return Err(format!("it has no control group: {why}")),
            (Some(None), Ok(_)) => return Err("it was not let into its control group".into()),
            // Between two processes: the next one gets it.
            (None, Ok(_)) => {}
            (None, Err(why)) => return Err(why.clone()),
        }
        if let Some(entry) = locked(&self.replicas).get_mut(key) {
            entry.size = Some(*size);
        }
        Ok(())
    }

    /// Tells of processes that the kernel killed for want of memory; `total` is the group's count.
    pub(super) fn note_oom(&self, key: &Key, total: u64) {
        let told = match locked(&self.replicas).get_mut(key) {
            Some(entry) => {
                let told = entry.oom_told;
                entry.oom_told = told.max(total);
                told
            }
            None => return,
        };
        if total > told {
            self.emit(key, EventKind::OutOfMemory { kills: total - told });
        }
    }

    /// Shows that a replica has no process.
    pub(super) fn end_life(&self, key: &Key) {
        if let Some(entry) = locked(&self.replicas).get_mut(key) {
            entry.status.addr = None;
            entry.status.pid = None;
            entry.status.usage = None;
            entry.life = None;
        }
    }

    /// Changes the numbers of a process of a replica, if it is still the same process.
    pub(super) fn update_life(&self, key: &Key, pid: u32, change: impl FnOnce(&mut ReplicaStatus, &mut Meter)) {
        if let Some(entry) = locked(&self.replicas).get_mut(key)
            && let Some((_, meter)) = entry.life.as_mut().filter(|_| entry.status.pid == Some(pid))
        {
            change(&mut entry.status, meter);
        }
    }

    /// Lists the replicas that have a process.
    pub(super) fn running<T>(&self, show: impl Fn(Key, Tag, u32, Option<Arc<Group>>) -> T) -> Vec<T> {
        let replicas = locked(&self.replicas);
        let one = |(key, entry): (&Key, &Entry)| {
            let (group, _) = entry.life.as_ref()?;
            Some(show(key.clone(), super::tag_of(key), entry.status.pid?, group.clone()))
        };
        replicas.iter().filter_map(one).collect()
    }

    /// The id of this run.
    pub(super) fn instance_id(&self) -> &str {
        &self.instance.id
    }

    /// Takes a free port.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn take_port(&self) -> io::Result<u16> {
        locked(&self.ports).take()
    }

    /// Gives a port back.
    pub(super) fn give_back_port(&self, port: u16) {
        locked(&self.ports).give_back(port);
    }

    /// Puts a main process under the guardian's care.
    pub(super) fn add_leader(&self, pid: u32, leader: Leader) {
        self.charge.send_modify(|charge| drop(charge.leaders.insert(pid, leader)));
    }

    /// Takes a main process that is gone out of the guardian's care.
    pub(super) fn remove_leader(&self, pid: u32) {
        self.charge.send_modify(|charge| drop(charge.leaders.remove(&pid)));
    }

    /// Dead processes that replicas left to skala, and that nobody else waits for.
    ///
    /// Process 1 of a container gets everybody's, and collects them all.
    pub(super) fn orphans(&self) -> BTreeSet<u32> {
        let leaders = self.charge.borrow().leaders.clone();
        let mut census = locked(&self.census);
        census.take(&leaders);
        let first = std::process::id() == 1;
        let in_group = |pid: u32| {
            let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            groups.contains(self.instance_id())
        };
        let dead = census.dead_children().filter(|pid| !leaders.contains_key(pid));
        dead.filter(|pid| first || census.knows(*pid) || in_group(*pid)).collect()
    }

    /// Finds the processes of every replica; reads /proc, so not for the runtime's threads.
    pub(super) fn census(&self) -> BTreeMap<Tag, Vec<Process>> {
        let leaders = self.charge.borrow().leaders.clone();
        locked(&self.census).take(&leaders)
    }

    /// Makes the control group of a replica, where that is possible; tells what cannot be enforced.
    pub(super) fn group_for(&self, service: &ServiceName, tag: &Tag, spec: &ProcessSpec) -> Option<Group> {
        let (group, mut problems) = match &self.layout {
            Err(why) => (None, vec![why.clone()]),
            Ok(layout) => match layout.create(tag, &spec.requests, &spec.limits) {
                Ok((group, problems)) => (Some(group), problems),
                Err(error) => (None, vec![format!("making the control group failed: {error}")]),
            },
        };
        let (cpu, memory) = self.layout.as_ref().map_or((true, true), Layout::limits);
        if (spec.limits.cpu.is_some() || spec.requests.cpu.is_some()) && !cpu {
            problems.push("the cpu controller is not available to skala's control group".into());
        }
        if spec.limits.memory.is_some() && !memory {
            problems.push("the memory controller is not available to skala's control group".into());
        }
        if !problems.is_empty() {
            self.note_unenforced(service, spec, &problems.join("; "));
        }
        group
    }

    /// Tells that requests and limits are not enforced, if a service has any, once per service.
    pub(super) fn note_unenforced(&self, service: &ServiceName, spec: &ProcessSpec, why: &str) {
        let matters = spec.limits.cpu.is_some() || spec.requests.cpu.is_some() || spec.limits.memory.is_some();
        if matters && locked(&self.noted).insert(service.clone()) {
            let text = format!(
                "CPU and memory requests and limits are not fully enforced: {why}. To enforce them, run skala as root or in a group \
                 of its own: systemd-run --user --scope -p Delegate=yes skala up"
            );
            self.send(PlatformEvent {
                at: (self.clock)(),
                service: service.clone(),
                replica: None,
                kind: EventKind::Note { text },
            });
        }
    }
}

impl Entry {
    fn set_phase(&mut self, phase: Phase, now: skala_types::Time) {
        if self.status.phase != Phase::Stopping && self.status.phase != phase {
            self.status.phase = phase;
            self.status.phase_since = now;
        }
    }
}
