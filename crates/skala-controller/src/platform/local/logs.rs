//! Reads the replicas' logs: the last lines, or line after line as they are written.
//!
//! Decides: in which order the lines of several replicas are shown: by their time.
//! Inputs: `<state folder>/logs/<service>-<id>.log` and the files put aside by rotation, `.log.1` before `.log.2`.
//! Method: a follower holds each file open and knows it by its inode, so that it finishes a file that was put aside, and the ones
//! between, before it goes on with the new one.
//! Invariants: reads at most `PER_POLL` per file at once; a line is given once, whole.
//! Tested: `tests/local/logs.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use skala_types::{ReplicaId, ServiceName, Time};

use super::log_file::asides;

/// Bytes read from one file at once.
const PER_POLL: u64 = 1 << 20;

/// Who printed a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// The replica, on standard output.
    Out,
    /// The replica, on standard error.
    Err,
    /// skala, about the replica.
    Skala,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stream::Out => "out",
            Stream::Err => "err",
            Stream::Skala => "skala",
        })
    }
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When it was read from the replica.
    pub at: Time,
    /// The replica's service.
    pub service: ServiceName,
    /// The replica's id.
    pub replica: ReplicaId,
    /// Who printed it.
    pub stream: Stream,
    /// The line, without its end; safe to print.
    pub line: String,
}

/// Gives the last `n` lines of all replicas of some services together, oldest first; of every service when none is named.
///
/// # Errors
/// When the folder of logs cannot be read; a folder that does not exist has no lines.
pub fn tail(state_dir: &Path, services: &[ServiceName], n: usize) -> io::Result<Vec<LogEntry>> {
    let mut entries = Vec::new();
    for (path, who) in files(state_dir, services)? {
        entries.extend(last_of(&path, &who, n));
    }
    entries.sort_by_key(|entry| entry.at);
    entries.drain(..entries.len().saturating_sub(n));
    Ok(entries)
}

/// Follows the logs of services, new replicas included, across rotations.
#[derive(Debug)]
pub struct Follower {
    state_dir: PathBuf,
    services: Vec<ServiceName>,
    open: BTreeMap<PathBuf, Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    partial: Vec<u8>,
}

impl Follower {
    /// Begins at the present end of each log; of every service when none is named.
    ///
    /// # Errors
    /// When the folder of logs cannot be read.
    pub fn new(state_dir: &Path, services: &[ServiceName]) -> io::Result<Follower> {
        let mut open = BTreeMap::new();
        for (path, _) in files(state_dir, services)? {
            if let Ok(mut file) = File::open(&path) {
                file.seek(SeekFrom::End(0))?;
                open.insert(path, Open { file, partial: Vec::new() });
            }
        }
        Ok(Follower { state_dir: state_dir.into(), services: services.into(), open })
    }

    /// Gives the lines written since the last call, oldest first. Call it every 100 ms or so.
    ///
    /// # Errors
    /// When the folder of logs cannot be read.
    pub fn poll(&mut self) -> io::Result<Vec<LogEntry>> {
        let mut entries = Vec::new();
        let present = files(&self.state_dir, &self.services)?;
        self.open.retain(|path, _| present.contains_key(path));
        for (path, who) in present {
            self.poll_file(&path, &who, &mut entries);
        }
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }

    fn poll_file(&mut self, path: &Path, who: &Who, entries: &mut Vec<LogEntry>) {
        if !self.open.contains_key(path) {
            // A replica that is new to the follower may have been rotated before it was seen: begin with its oldest file.
            let Some(file) = next_file(path, None) else { return };
            self.open.insert(path.into(), Open { file, partial: Vec::new() });
        }
        let open = self.open.get_mut(path).expect("opened above");
        while open.read(who, entries) {
            let Ok(inode) = open.file.metadata().map(|meta| meta.ino()) else { return };
            let Some(next) = next_file(path, Some(inode)) else { return };
            open.read(who, entries); // what was written between the end above and the rotation
            open.file = next;
        }
    }
}

impl Open {
    /// Reads whole lines; true at the end of the file, false when there may be more.
    fn read(&mut self, who: &Who, entries: &mut Vec<LogEntry>) -> bool {
        let mut bytes = std::mem::take(&mut self.partial);
        let read = self.file.by_ref().take(PER_POLL).read_to_end(&mut bytes).unwrap_or(0);
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.partial = bytes.split_off(whole);
        entries.extend(parse(&bytes, who));
        (read as u64) < PER_POLL
    }
}

/// The file after the one with this inode, or the oldest one; nothing while that is still the last.
fn next_file(path: &Path, inode: Option<u64>) -> Option<File> {
    let inode_of = |file: &Path| fs::metadata(file).map(|meta| meta.ino()).ok();
    loop {
        if inode.is_some() && inode_of(path) == inode {
            return None;
        }
        let older = asides(path);
        // Not among them means deleted, and the oldest are deleted first: all that are left are younger.
        let place = older.iter().position(|(_, file)| inode.is_some() && inode_of(file) == inode).map_or(0, |place| place + 1);
        let next = older.get(place).map_or(path, |(_, file)| file);
        let file = File::open(next);
        let unchanged = asides(path) == older;
        match file {
            Ok(file) if unchanged || next != path => return Some(file),
            Err(_) if unchanged => return None, // between putting aside and beginning anew
            _ => {}
        }
    }
}

type Who = (ServiceName, ReplicaId);

/// The logs of some services, or of all.
fn files(state_dir: &Path, services: &[ServiceName]) -> io::Result<BTreeMap<PathBuf, Who>> {
    let folder = super::logs_dir(state_dir);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries?,
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let name = entry?.file_name();
        let Some(who) = name.to_str().and_then(replica_of) else { continue };
        if services.is_empty() || services.contains(&who.0) {
            found.insert(folder.join(name), who);
        }
    }
    Ok(found)
}

/// The replica in `api-3.log`.
fn replica_of(name: &str) -> Option<Who> {
    let (service, id) = name.strip_suffix(".log")?.rsplit_once('-')?;
    Some((service.into(), ReplicaId(id.parse().ok()?)))
}

/// The last lines of a log and of the files put aside, as far as they are needed.
fn last_of(path: &Path, who: &Who, n: usize) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    let older = asides(path).into_iter().map(|(_, file)| file);
    for file in older.chain([path.to_path_buf()]).rev() {
        let Ok(bytes) = last_bytes(&file, n - entries.len()) else { continue };
        entries.splice(0..0, parse(&bytes, who));
        if entries.len() >= n {
            entries.drain(..entries.len() - n);
            break;
        }
    }
    entries
}

/// The end of a file that holds at least `n` lines, or the whole file, read backwards by blocks.
fn last_bytes(path: &Path, n: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut start = file.seek(SeekFrom::End(0))?;
    let mut bytes = Vec::new();
    while start > 0 && bytes.iter().filter(|byte| **byte == b'\n').count() <= n {
        let block = start.min(64 * 1024 + bytes.len() as u64);
        start -= block;
        file.seek(SeekFrom::Start(start))?;
        let mut front = Vec::new();
        file.by_ref().take(block).read_to_end(&mut front)?;
        front.append(&mut bytes);
        bytes = front;
    }
    let cut = if start > 0 { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1) } else { 0 };
    Ok(bytes.split_off(cut))
}

fn parse(bytes: &[u8], (service, replica): &Who) -> Vec<LogEntry> {
    let text = String::from_utf8_lossy(bytes);
    let entry = |line: &str| {
        let (at, rest) = line.split_once(' ')?;
        let (stream, line) = rest.split_once(' ')?;
        let stream = [Stream::Out, Stream::Err, Stream::Skala].into_iter().find(|s| s.to_string() == stream)?;
        let (service, replica) = (service.clone(), *replica);
        Some(LogEntry { at: at.parse().ok()?, service, replica, stream, line: line.to_owned() })
    };
    text.lines().filter_map(entry).collect()
}

/// Deletes the logs of a service's replicas that are gone, but for the `keep` youngest.
pub(super) fn prune(state_dir: &Path, service: &ServiceName, live: &BTreeSet<ReplicaId>, keep: usize) {
    let Ok(found) = files(state_dir, std::slice::from_ref(service)) else { return };
    let mut gone: Vec<(ReplicaId, PathBuf)> = found.into_iter().map(|(path, who)| (who.1, path)).collect();
    gone.retain(|(id, _)| !live.contains(id));
    gone.sort();
    gone.truncate(gone.len().saturating_sub(keep));
    for (_, path) in gone {
        let _ = fs::remove_file(&path); // whatever stays is pruned the next time
        for (_, file) in asides(&path) {
            let _ = fs::remove_file(file);
        }
    }
}
