//! Control groups of replicas: what the kernel counts, limits and kills as one.
//!
//! Decides: which limits are written where.
//! Inputs: a [`Layout`], found by `cgroup_layout`; requests and limits.
//! Method: plain files, for v2 (cgroup-v2.rst) and v1 (cpuacct, cpu, memory). Weights as Kubernetes maps them (KEP-2254).
//! Invariants: a group lies below skala's own, so limits on skala bind its replicas too; groups are removed when empty; a limit that
//! could not be written is reported, never assumed.
//! Tested: `tests` below on a folder; `tests/local/` on the kernel.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skala_types::{Bytes, Cores};

use crate::platform::{Amounts, Size};

/// Length of a CPU quota's period, microseconds; the kernel's default.
const PERIOD_US: u64 = 100_000;

/// Where skala may create groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The unified hierarchy.
    V2 {
        /// Folder below which replicas get theirs.
        dir: PathBuf,
        /// Whether CPU limits work in it.
        cpu: bool,
        /// Whether memory is counted and limited in it.
        memory: bool,
    },
    /// One hierarchy per controller.
    V1 {
        /// CPU limits.
        cpu: Option<PathBuf>,
        /// CPU time.
        cpuacct: Option<PathBuf>,
        /// Memory.
        memory: Option<PathBuf>,
    },
}

impl Layout {
    /// The folders that hold the replicas' groups.
    pub(super) fn dirs(&self) -> Vec<PathBuf> {
        let dirs: BTreeSet<PathBuf> = match self {
            Layout::V2 { dir, .. } => BTreeSet::from([dir.clone()]),
            Layout::V1 { cpu, cpuacct, memory } => [cpu, cpuacct, memory].into_iter().flatten().cloned().collect(),
        };
        dirs.into_iter().collect()
    }

    /// Whether CPU and memory limits can be enforced.
    pub(super) fn limits(&self) -> (bool, bool) {
        match self {
            Layout::V2 { cpu, memory, .. } => (*cpu, *memory),
            Layout::V1 { cpu, memory, .. } => (cpu.is_some(), memory.is_some()),
        }
    }

    /// Creates the group of a replica and writes its limits. Also gives the limits that could not be written.
    ///
    /// # Errors
    /// When no folder can be created.
    pub(super) fn create(&self, tag: &str, requests: &Amounts, limits: &Amounts) -> io::Result<(Group, Vec<String>)> {
        let group = Group { layout: self.below(tag) };
        for dir in group.layout.dirs() {
            fs::create_dir(&dir).or_else(|e| if e.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(e) })?;
        }
        let mut problems = Vec::new();
        for (file, value, required) in group.settings(requests, limits) {
            match write(&file, &value) {
                Err(error) if required => problems.push(format!("writing {value} to {} failed: {error}", file.display())),
                _ => {}
            }
        }
        Ok((group, problems))
    }

    fn below(&self, tag: &str) -> Layout {
        let join = |dir: &Option<PathBuf>| dir.as_ref().map(|dir| dir.join(tag));
        match self {
            Layout::V2 { dir, cpu, memory } => Layout::V2 { dir: dir.join(tag), cpu: *cpu, memory: *memory },
            Layout::V1 { cpu, cpuacct, memory } => Layout::V1 { cpu: join(cpu), cpuacct: join(cpuacct), memory: join(memory) },
        }
    }
}

/// The control group of one replica, in each hierarchy.
#[derive(Debug)]
pub(super) struct Group {
    layout: Layout,
}

impl Group {
    /// File, value, and whether a failure matters, for every amount that is set.
    fn settings(&self, requests: &Amounts, limits: &Amounts) -> Vec<(PathBuf, String, bool)> {
        let mut rows = Vec::new();
        match &self.layout {
            Layout::V2 { dir, cpu, memory } => {
                if let Some(cores) = requests.cpu.filter(|_| *cpu) {
                    rows.push((dir.join("cpu.weight"), weight(cores).to_string(), true));
                }
                if let Some(cores) = limits.cpu.filter(|_| *cpu) {
                    rows.push((dir.join("cpu.max"), format!("{} {PERIOD_US}", quota_us(cores)), true));
                }
                if let Some(Bytes(bytes)) = limits.memory.filter(|_| *memory) {
                    rows.push((dir.join("memory.max"), bytes.to_string(), true));
                    rows.push((dir.join("memory.swap.max"), "0".into(), false)); // else it swaps instead
                }
            }
            Layout::V1 { cpu, memory, .. } => {
                if let (Some(cores), Some(dir)) = (requests.cpu, cpu) {
                    rows.push((dir.join("cpu.shares"), shares(cores).to_string(), true));
                }
                if let (Some(cores), Some(dir)) = (limits.cpu, cpu) {
                    rows.push((dir.join("cpu.cfs_period_us"), PERIOD_US.to_string(), true));
                    rows.push((dir.join("cpu.cfs_quota_us"), quota_us(cores).to_string(), true));
                }
                if let (Some(Bytes(bytes)), Some(dir)) = (limits.memory, memory) {
                    rows.push((dir.join("memory.limit_in_bytes"), bytes.to_string(), true));
                    rows.push((dir.join("memory.memsw.limit_in_bytes"), bytes.to_string(), false));
                }
            }
        }
        rows
    }

    /// Writes other requests and limits, for the processes that are in the group.
    ///
    /// # Errors
    /// When more memory is in use than would be left, and what could not be written; what could is not taken back.
    pub(super) fn resize(&self, size: &Size) -> Result<(), String> {
        if let (Some(limit), Some(used)) = (size.limits.memory, self.memory())
            && used > limit
        {
            return Err(format!("{used} of memory are in use, more than the limit {limit} would leave"));
        }
        let mut failed: Vec<_> = self.settings(&size.requests, &size.limits);
        // With v1 one of two limits bounds the other: which must come first depends on the direction.
        for _ in 0..2 {
            failed.retain(|(file, value, _)| write(file, value).is_err());
        }
        let required = failed.iter().filter(|(.., required)| *required);
        let files: Vec<String> = required.map(|(file, value, _)| format!("{value} to {}", file.display())).collect();
        if files.is_empty() { Ok(()) } else { Err(format!("the system did not let skala write {}", files.join(" and "))) }
    }

    /// The files through which a process enters the group.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn entrances(&self) -> io::Result<Vec<File>> {
        let open = |dir: PathBuf| OpenOptions::new().write(true).open(dir.join("cgroup.procs"));
        self.layout.dirs().into_iter().map(open).collect()
    }

    /// The processes in the group.
    pub(super) fn pids(&self) -> BTreeSet<u32> {
        let dirs = self.layout.dirs();
        let texts = dirs.iter().filter_map(|dir| fs::read_to_string(dir.join("cgroup.procs")).ok());
        texts.flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<u32>>()).collect()
    }

    /// Whether a process is in the group in every hierarchy.
    pub(super) fn holds(&self, pid: u32) -> bool {
        self.layout.dirs().iter().all(|dir| {
            let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            text.lines().any(|line| line.parse() == Ok(pid))
        })
    }

    /// Sends SIGKILL to every process in the group.
    pub(super) fn kill(&self) {
        for dir in self.layout.dirs() {
            kill_group(&dir);
        }
    }

    /// CPU time used so far, where it is counted.
    pub(super) fn cpu(&self) -> Option<Duration> {
        match &self.layout {
            Layout::V2 { dir, .. } => field(&dir.join("cpu.stat"), "usage_usec").map(Duration::from_micros),
            Layout::V1 { cpuacct, .. } => number(&cpuacct.as_ref()?.join("cpuacct.usage")).map(Duration::from_nanos),
        }
    }

    /// Memory in use without idle file cache (the "working set" of Kubernetes), where it is counted.
    pub(super) fn memory(&self) -> Option<Bytes> {
        let (dir, used, idle) = match &self.layout {
            Layout::V2 { dir, memory: true, .. } => (dir, "memory.current", "inactive_file"),
            Layout::V1 { memory: Some(dir), .. } => (dir, "memory.usage_in_bytes", "total_inactive_file"),
            _ => return None,
        };
        let idle = field(&dir.join("memory.stat"), idle).unwrap_or(0);
        Some(Bytes(number(&dir.join(used))?.saturating_sub(idle)))
    }

    /// Processes that the kernel killed for want of memory, since the group was made.
    pub(super) fn oom_kills(&self) -> u64 {
        let file = match &self.layout {
            Layout::V2 { dir, memory: true, .. } => dir.join("memory.events"),
            Layout::V1 { memory: Some(dir), .. } => dir.join("memory.oom_control"),
            _ => return 0,
        };
        field(&file, "oom_kill").unwrap_or(0)
    }

    /// Removes the group if nothing is in it; later removal of the folder above takes what is left.
    pub(super) fn remove(&self) {
        for dir in self.layout.dirs() {
            remove_tree(&dir);
        }
    }
}

/// Sends SIGKILL to every process in one folder's group and those below it.
pub(super) fn kill_group(dir: &Path) {
    if write(&dir.join("cgroup.kill"), "1").is_ok() {
        return; // v2, since Linux 5.14: atomic, and takes the groups below too
    }
    for below in folders(dir) {
        kill_group(&below);
    }
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // it may be gone already
    }
}

/// Removes a group and those below it, as far as they are empty. True when it is gone.
pub(super) fn remove_tree(dir: &Path) -> bool {
    for below in folders(dir) {
        remove_tree(&below);
    }
    match fs::remove_dir(dir) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// CPU time per period; the kernel's least is 1 ms.
fn quota_us(cores: Cores) -> u64 {
    ((cores.0 * PERIOD_US as f64) as u64).max(1_000)
}

/// Shares of v1: 1024 per core, as in Docker and Kubernetes; the kernel's range is 2 to 262144.
fn shares(cores: Cores) -> u64 {
    ((cores.0 * 1024.0) as u64).clamp(2, 262_144)
}

/// Weight of v2 (1 to 10000) from the shares of v1, KEP-2254.
fn weight(cores: Cores) -> u64 {
    1 + (shares(cores) - 2) * 9_999 / 262_142
}

/// Writes to a file that exists; the kernel makes a group's files.
pub(super) fn write(file: &Path, value: &str) -> io::Result<()> {
    io::Write::write_all(&mut OpenOptions::new().write(true).open(file)?, value.as_bytes())
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number after `key` in a file of `key number` lines.
fn field(file: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(layout: Layout) -> Vec<String> {
        let requests = Amounts { cpu: Some(Cores(0.5)), memory: Some(Bytes(1 << 20)) };
        let limits = Amounts { cpu: Some(Cores(2.0)), memory: Some(Bytes(64 << 20)) };
        let rows = Group { layout: layout.below("api-1") }.settings(&requests, &limits);
        rows.iter().map(|(file, value, _)| format!("{}={value}", file.display())).collect()
    }

    #[test]
    fn limits_become_files() {
        let v2 = |cpu, memory| settings(Layout::V2 { dir: "u".into(), cpu, memory });
        assert_eq!(
            v2(true, true),
            [
                "u/api-1/cpu.weight=20",
                "u/api-1/cpu.max=200000 100000",
                "u/api-1/memory.max=67108864",
                "u/api-1/memory.swap.max=0"
            ]
        );
        assert!(v2(false, false).is_empty());
        let v1 = settings(Layout::V1 { cpu: Some("c".into()), cpuacct: None, memory: Some("m".into()) });
        assert_eq!(
            v1,
            [
                "c/api-1/cpu.shares=512",
                "c/api-1/cpu.cfs_period_us=100000",
                "c/api-1/cpu.cfs_quota_us=200000",
                "m/api-1/memory.limit_in_bytes=67108864",
                "m/api-1/memory.memsw.limit_in_bytes=67108864"
            ]
        );
    }

    #[test]
    fn amounts_stay_within_what_the_kernel_takes() {
        let rows = [(0.0, 1_000, 2, 1), (0.001, 1_000, 2, 1), (1.0, 100_000, 1024, 39), (1e6, 100_000_000_000, 262_144, 10_000)];
        for (cores, quota, share, w) in rows {
            assert_eq!((quota_us(Cores(cores)), shares(Cores(cores)), weight(Cores(cores))), (quota, share, w), "{cores}");
        }
        assert_eq!(quota_us(Cores(f64::NAN)), 1_000);
    }

    #[test]
    fn a_change_of_size_never_takes_memory_that_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::V2 { dir: folder.path().into(), cpu: true, memory: true };
        let (group, _) = layout.create("api-1", &Amounts::default(), &Amounts::default()).unwrap();
        let dir = folder.path().join("api-1");
        for (file, text) in [("memory.current", "2097152"), ("memory.stat", "inactive_file 0\n"), ("memory.max", "max")] {
            fs::write(dir.join(file), text).unwrap();
        }
        let size =
            |memory: u64| Size { requests: Amounts::default(), limits: Amounts { cpu: None, memory: Some(Bytes(memory)) } };
        let why = group.resize(&size(1 << 20)).unwrap_err();
        assert_eq!(why, "2Mi of memory are in use, more than the limit 1Mi would leave");
        assert_eq!(fs::read_to_string(dir.join("memory.max")).unwrap(), "max");
        assert_eq!(group.resize(&size(4 << 20)), Ok(()), "a file that may fail, such as the one for swap, may be missing");
        assert_eq!(fs::read_to_string(dir.join("memory.max")).unwrap(), "4194304");
        let cpu = Size { limits: Amounts { cpu: Some(Cores(1.0)), memory: None }, ..Size::default() };
        assert!(group.resize(&cpu).unwrap_err().contains("cpu.max"));
    }

    #[test]
    fn v2_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::V2 { dir: folder.path().into(), cpu: true, memory: true };
        let (group, problems) = layout.create("api-1", &Amounts::default(), &Amounts::default()).unwrap();
        assert!(problems.is_empty());
        let dir = folder.path().join("api-1");
        for (file, text) in [
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
            ("memory.current", "1000\n"),
            ("memory.stat", "anon 5\ninactive_file 300\n"),
            ("memory.events", "oom 4\noom_kill 2\noom_group_kill 0\n"),
            ("cgroup.procs", "12\n34\n"),
        ] {
            fs::write(dir.join(file), text).unwrap();
        }
        assert_eq!(group.cpu(), Some(Duration::from_micros(1500)));
        assert_eq!((group.memory(), group.oom_kills()), (Some(Bytes(700)), 2));
        assert!(group.pids() == BTreeSet::from([12, 34]) && group.holds(34) && !group.holds(3));
        let limits = Amounts { cpu: Some(Cores(1.0)), memory: None };
        let (_, problems) = layout.create("api-1", &Amounts::default(), &limits).unwrap();
        assert!(problems.len() == 1 && problems[0].contains("cpu.max"), "{problems:?}");
    }
}
