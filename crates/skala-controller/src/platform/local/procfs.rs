//! Which processes belong to which replica, and what they use, from /proc.
//!
//! Decides: the owner of a process: its process group or session, else its parent's owner, else the marker in its environment.
//! Inputs: `/proc/*/stat` of every process; `environ` once per process that is not known otherwise.
//! Method: one pass per census with what is known kept between passes, so that a pass costs one small read per process. CPU adds
//! the time of ended children (`cutime`), so that short-lived children count.
//! Invariants: skala itself belongs to nobody; a process once attributed keeps its owner until it ends; a recycled process id is
//! told by its start time.
//! Tested: `tests` below; `tests/local/` finds daemons that left group and session.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// The variable that marks a replica's processes: `<instance>/<service>-<id>`.
pub(super) const MARKER: &str = "SKALA_MARK";
/// Kernel ticks per second in /proc (USER_HZ), fixed at 100 for user space on every architecture Rust's std supports on Linux.
const TICKS_PER_SECOND: u64 = 100;
/// The entry of the auxiliary vector that holds the page size (getauxval(3), AT_PAGESZ).
const AT_PAGESZ: u64 = 6;

/// Name of a replica in paths, markers and logs: `<service>-<id>`.
pub(super) type Tag = Arc<str>;

/// The main process of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leader {
    /// Whose it is.
    pub(super) tag: Tag,
    /// When it started, in ticks since boot; tells a recycled id.
    pub(super) start: u64,
}

/// One process, from its `stat` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: u32,
    parent: u32,
    group: u32,
    session: u32,
    state: u8,
    ticks: u64,
    /// When it started, in ticks since boot.
    pub(super) start: u64,
    rss_pages: u64,
}

impl Process {
    /// Whether it still runs; a zombie only waits to be collected.
    pub(super) fn alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }

    /// Whether it is in a process group.
    pub(super) fn in_group(&self, group: u32) -> bool {
        self.group == group
    }

    /// CPU used by it and by its ended children.
    pub(super) fn cpu(&self) -> Duration {
        Duration::from_millis(self.ticks.saturating_mul(1000 / TICKS_PER_SECOND))
    }
}

/// Reads one process; nothing when it does not exist.
pub(super) fn process(pid: u32) -> Option<Process> {
    parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `pid (comm) state ppid pgrp session ...` (proc_pid_stat(5)); `comm` may hold anything, even `) R 1`.
fn parse_stat(text: &[u8]) -> Option<Process> {
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let open = text.iter().position(|byte| *byte == b'(')?;
    let pid = std::str::from_utf8(text.get(..open)?).ok()?.trim().parse().ok()?;
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let mut fields = [""; 22];
    for (slot, field) in fields.iter_mut().zip(rest.split_ascii_whitespace()) {
        *slot = field;
    }
    let number = |i: usize| fields[i].parse::<i64>().ok().map(|n| u64::try_from(n).unwrap_or(0));
    let id = |i: usize| number(i).and_then(|n| u32::try_from(n).ok());
    Some(Process {
        pid,
        state: *fields[0].as_bytes().first()?,
        parent: id(1)?,
        group: id(2)?,
        session: id(3)?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
        start: number(19)?,
        rss_pages: number(21)?,
    })
}

/// What is remembered of a process between two passes.
#[derive(Clone, Debug)]
struct Known {
    start: u64,
    owner: Option<Tag>,
}

/// The processes of all replicas of one instance.
pub(super) struct Census {
    prefix: String,
    own_pid: u32,
    page: u64,
    known: BTreeMap<u32, Known>,
    dead_children: Vec<u32>,
}

impl Census {
    /// Prepares for the processes of `instance`.
    pub(super) fn new(instance: &str) -> Census {
        let prefix = format!("{MARKER}={instance}/");
        Census { prefix, own_pid: std::process::id(), page: page_size(), known: BTreeMap::new(), dead_children: Vec::new() }
    }

    /// Finds the processes of every replica, dead but uncollected ones included.
    pub(super) fn take(&mut self, leaders: &BTreeMap<u32, Leader>) -> BTreeMap<Tag, Vec<Process>> {
        let all: BTreeMap<u32, Process> = processes().map(|p| (p.pid, p)).collect();
        let recycled = |(pid, leader): (&u32, &Leader)| all.get(pid).is_some_and(|p| p.start != leader.start).then_some(*pid);
        let recycled: BTreeSet<u32> = leaders.iter().filter_map(recycled).collect();
        let led = |id: u32| leaders.get(&id).filter(|_| !recycled.contains(&id)).map(|leader| leader.tag.clone());
        let before = std::mem::take(&mut self.known);
        let mut now: BTreeMap<u32, Known> = BTreeMap::new();
        for process in all.values() {
            self.resolve(process, &all, &before, &led, &mut now);
        }
        let mut found: BTreeMap<Tag, Vec<Process>> = BTreeMap::new();
        for (pid, known) in &now {
            if let (Some(owner), Some(process)) = (&known.owner, all.get(pid)) {
                found.entry(owner.clone()).or_default().push(*process);
            }
        }
        self.known = now;
        let dead = all.values().filter(|p| p.parent == self.own_pid && p.state == b'Z');
        self.dead_children = dead.map(|p| p.pid).collect();
        found
    }

    /// Settles the owner of a process, its unsettled ancestors first.
    fn resolve(
        &self,
        process: &Process,
        all: &BTreeMap<u32, Process>,
        before: &BTreeMap<u32, Known>,
        led: &dyn Fn(u32) -> Option<Tag>,
        now: &mut BTreeMap<u32, Known>,
    ) {
        let mut line = vec![*process];
        while let Some(parent) = line.last().and_then(|p| all.get(&p.parent)) {
            if now.contains_key(&parent.pid) || line.iter().any(|p| p.pid == parent.pid) {
                break;
            }
            line.push(*parent);
        }
        for process in line.into_iter().rev() {
            if now.contains_key(&process.pid) {
                continue;
            }
            let old = before.get(&process.pid).filter(|known| known.start == process.start);
            let owner = match old {
                _ if process.pid == self.own_pid => None,
                Some(Known { owner: Some(owner), .. }) => Some(owner.clone()),
                _ => led(process.group)
                    .or_else(|| led(process.session))
                    .or_else(|| now.get(&process.parent).and_then(|parent| parent.owner.clone()))
                    .or_else(|| if old.is_none() { self.marked(process.pid) } else { None }),
            };
            now.insert(process.pid, Known { start: process.start, owner });
        }
    }

    /// The owner that a process's environment names.
    fn marked(&self, pid: u32) -> Option<Tag> {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let value = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(self.prefix.as_bytes()))?;
        Some(String::from_utf8_lossy(value).into())
    }

    /// Children of skala that the last pass found dead and not collected.
    pub(super) fn dead_children(&self) -> impl Iterator<Item = u32> {
        self.dead_children.iter().copied()
    }

    /// Whether a process was attributed to a replica by an earlier pass.
    pub(super) fn knows(&self, pid: u32) -> bool {
        self.known.get(&pid).is_some_and(|known| known.owner.is_some())
    }

    /// Memory of a tree, bytes: each process's own pages, and the largest share of file-backed ones once.
    pub(super) fn memory(&self, tree: &[Process]) -> u64 {
        let mut own = 0u64;
        let mut shared = 0u64;
        for process in tree {
            let pages = shared_pages(process.pid).unwrap_or(0).min(process.rss_pages);
            own += process.rss_pages - pages;
            shared = shared.max(pages);
        }
        (own + shared).saturating_mul(self.page)
    }
}

fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(process)
}

/// Pages shared with files or other processes (proc_pid_statm(5), third number).
fn shared_pages(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    text.split_ascii_whitespace().nth(2)?.parse().ok()
}

/// The page size from the auxiliary vector; 4096 where it cannot be read.
fn page_size() -> u64 {
    let vector = fs::read("/proc/self/auxv").unwrap_or_default();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).map_or(0, |n| n as u64);
    let pairs = vector.chunks_exact(2 * size_of::<usize>()).map(|pair| pair.split_at(size_of::<usize>()));
    pairs.map(|(key, value)| (word(key), word(value))).find(|(key, _)| *key == AT_PAGESZ).map_or(4096, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_a_hostile_name_is_read() {
        let line = b"42 (a) R 1 (b)) S 7 40 39 0 -1 4194304 1 2 3 4 100 50 30 20 20 0 1 0 9876 1000 555 18446744073709551615";
        let process = parse_stat(line).unwrap();
        assert_eq!((process.pid, process.parent, process.group, process.session), (42, 7, 40, 39));
        assert_eq!((process.cpu(), process.start, process.rss_pages), (Duration::from_secs(2), 9876, 555));
        assert!(process.alive());
        for broken in [&b""[..], b"42", b"42 (x", b"42 (x) S 1 2", b") (", b"x (y) S 1 2 3"] {
            assert_eq!(parse_stat(broken), None);
        }
    }

    #[test]
    fn this_process_is_read_and_belongs_to_nobody() {
        let own = process(std::process::id()).unwrap();
        let leaders = BTreeMap::from([(own.group, Leader { tag: "api-1".into(), start: 1 })]);
        let mut census = Census::new("none");
        census.take(&leaders);
        assert!(!census.knows(own.pid));
        assert!(page_size().is_power_of_two() && census.memory(&[own]) > 100_000);
    }
}
