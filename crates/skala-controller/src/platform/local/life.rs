//! One process of a replica, from its start until nothing of it is left.
//!
//! Decides: when a process counts as ended: its main process exited, it was not ready in time, or it was told to stop.
//! Inputs: the specification, readiness changes, the stop order with its deadline.
//! Method: SIGTERM to the process group, and to what left the group; at the deadline SIGKILL to everything that the control group,
//! the process group, descent or the marker shows.
//! Invariants: when a life is over its port, control group and processes are given back, whatever happened.
//! Tested: `tests/local/`, `tests/local/stop.rs`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use nix::sys::signal::Signal;
use skala_balance::replica::Life;
use skala_types::Time;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::cgroup::Group;
use super::logs::Stream;
use super::procfs::{Leader, MARKER};
use super::readiness::{self, Change};
use super::replica::{Replica, told_to_stop};
use super::usage::Meter;
use super::{command, exit, instance, port, procfs};
use crate::platform::{EventKind, Phase};

/// Time after which what does not die of SIGKILL (stuck in the kernel) is left behind.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Pause between two looks for what is left of a process tree.
const LOOK: Duration = Duration::from_millis(50);
/// Time given to the rest of the output once all processes are gone.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// How a life ended.
pub(super) enum End {
    /// It was told to stop; `forced` when something had to be killed.
    Stopped {
        /// Whether SIGKILL was needed.
        forced: bool,
    },
    /// It ended by itself, or never began.
    Ended {
        /// How, in words.
        status: String,
        /// What it means for the next start.
        life: Life,
        /// Whether another process took its port before it could listen.
        port_lost: bool,
    },
}

/// Why the wait for a running process ended.
enum Cause {
    Exit(std::io::Result<std::process::ExitStatus>),
    Stop,
    NotReady(String),
}

/// A running process and what was set up for it.
struct Running {
    child: Child,
    pid: u32,
    leader: Leader,
    group: Option<Arc<Group>>,
    oom_before: u64,
    addr: SocketAddr,
    pumps: Vec<JoinHandle<()>>,
}

impl Replica {
    /// Runs one process until it ends or is stopped.
    pub(super) async fn live(&mut self) -> End {
        let port = match self.inner.take_port() {
            Ok(port) => port,
            Err(error) => return cannot_start(error.to_string()),
        };
        let end = match self.begin(port).await {
            Ok(mut running) => {
                let end = self.attend(&mut running).await;
                self.clear(running).await;
                end
            }
            Err(why) => cannot_start(why),
        };
        let never_ready = matches!(end, End::Ended { life: Life::Ran { ready_for: Duration::ZERO }, .. });
        let port_lost = never_ready && !port::is_free(port);
        self.inner.give_back_port(port);
        match end {
            End::Ended { status, life, .. } => End::Ended { status, life, port_lost },
            stopped => stopped,
        }
    }

    async fn begin(&mut self, port: u16) -> Result<Running, String> {
        self.output.begin_life();
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut own = vec![
            (MARKER, format!("{}/{}", self.inner.instance_id(), self.tag)),
            ("SKALA_SERVICE", self.key.0.to_string()),
            ("SKALA_REPLICA", self.key.1.to_string()),
        ];
        let further = self.inner.variables.iter().flat_map(|variables| variables(&self.key.0, self.key.1));
        own.extend(further.filter(|(name, _)| !self.spec.env.iter().any(|(given, _)| given == name)));
        let command = command::build(&self.spec, port, &own)?;
        let group = self.inner.group_for(&self.key.0, &self.tag, &self.inner.sized(&self.key, &self.spec));
        let entrances = group.as_ref().and_then(|group| group.entrances().ok()).unwrap_or_default();
        let mut child = match self.spawn(command, entrances).await {
            Ok(child) => child,
            Err(why) => {
                group.iter().for_each(|group| group.remove());
                return Err(why);
            }
        };
        let Some(pid) = child.id() else { return Err("the process ended before it was seen".into()) };
        let start = procfs::process(pid).map_or(0, |process| process.start);
        let leader = Leader { tag: self.tag.clone(), start };
        self.inner.add_leader(pid, leader.clone());
        let group = group.filter(|group| self.has_joined(pid, group)).map(Arc::new);
        let oom_before = group.as_ref().map_or(0, |group| group.oom_kills());
        let used = group.as_ref().and_then(|group| group.cpu()).unwrap_or_default();
        self.inner.begin_life(&self.key, pid, addr, group.clone(), Meter::new(StdInstant::now(), used));
        self.inner.emit(&self.key, EventKind::Spawned { pid, addr });
        self.output.say(&format!("started as process {pid} on {addr}")).await;
        let out = child.stdout.take().map(|from| tokio::spawn(self.output.clone().pump(from, Stream::Out)));
        let err = child.stderr.take().map(|from| tokio::spawn(self.output.clone().pump(from, Stream::Err)));
        Ok(Running { child, pid, leader, group, oom_before, addr, pumps: out.into_iter().chain(err).collect() })
    }

    /// Whether a process could enter its group; one that has ended already counts as having done so.
    fn has_joined(&self, pid: u32, group: &Group) -> bool {
        let joined = group.holds(pid) || !procfs::process(pid).is_some_and(|process| process.alive());
        if !joined {
            self.inner.note_unenforced(&self.key.0, &self.spec, "a process was not let into its control group");
            group.remove();
        }
        joined
    }

    async fn spawn(&self, command: Command, entrances: Vec<std::fs::File>) -> Result<Child, String> {
        let program = self.spec.command.first().cloned().unwrap_or_default();
        self.inner.spawner.spawn(command, entrances).await.map_err(|error| match error.raw_os_error() {
            Some(code) if code == nix::errno::Errno::ENOEXEC as i32 => {
                format!("command '{program}' is neither a program nor a script that begins with #!")
            }
            Some(code) if code == nix::errno::Errno::ENOENT as i32 => {
                format!("command '{program}' needs an interpreter that does not exist (see its #! line)")
            }
            _ => format!("command '{program}' cannot be started: {error}"),
        })
    }

    /// Waits for the end of a process and ends the rest of its tree.
    async fn attend(&mut self, running: &mut Running) -> End {
        let mut first_ready = None;
        let status = match self.wait(running, &mut first_ready).await {
            Cause::Stop => return End::Stopped { forced: self.stop_tree(running).await },
            Cause::Exit(Ok(status)) => {
                let kills = running.group.as_ref().map_or(0, |group| group.oom_kills().saturating_sub(running.oom_before));
                self.inner.note_oom(&self.key, running.group.as_ref().map_or(0, |group| group.oom_kills()));
                exit::describe(status, kills, self.inner.sized(&self.key, &self.spec).limits.memory)
            }
            Cause::Exit(Err(error)) => format!("ended in an unknown way: {error}"),
            Cause::NotReady(why) => why,
        };
        self.kill_tree(running).await;
        let ready_for = first_ready.map_or(Duration::ZERO, |at: Instant| at.elapsed());
        End::Ended { status, life: Life::Ran { ready_for }, port_lost: false }
    }

    async fn wait(&mut self, running: &mut Running, first_ready: &mut Option<Instant>) -> Cause {
        let spec = self.spec.clone();
        let output = self.output.clone();
        let begun = Instant::now();
        let mut changed_at = begun;
        let mut why = None;
        let (tell, mut told) = mpsc::channel(4);
        let watching = readiness::watch(&spec.readiness, running.addr, &output, tell);
        tokio::pin!(watching);
        loop {
            tokio::select! {
                biased;
                status = running.child.wait() => return Cause::Exit(status),
                () = told_to_stop(&mut self.stop) => return Cause::Stop,
                Some(change) = told.recv() => {
                    match change {
                        Change::Ready => {
                            let after = changed_at.elapsed();
                            first_ready.get_or_insert_with(Instant::now);
                            self.inner.set_phase(&self.key, Phase::Ready);
                            self.inner.emit(&self.key, EventKind::Ready { addr: running.addr, after });
                        }
                        Change::Unready(reason) => {
                            changed_at = Instant::now();
                            self.inner.set_phase(&self.key, Phase::NotReady);
                            self.output.say(&format!("not ready: {reason}")).await;
                            self.inner.emit(&self.key, EventKind::Unready { reason });
                        }
                        Change::NotYet(reason) => why = Some(reason),
                    }
                }
                () = &mut watching => {}
                () = sleep_until(begun + spec.readiness.start_timeout), if first_ready.is_none() => {
                    let why = why.map_or_else(String::new, |why| format!(": {why}"));
                    return Cause::NotReady(format!("killed, not ready within {:?}{why}", spec.readiness.start_timeout));
                }
            }
        }
    }

    /// Ends a tree with SIGTERM and, at the deadline, SIGKILL. True when the latter was needed.
    async fn stop_tree(&mut self, running: &mut Running) -> bool {
        instance::signal_process_group(running.pid, running.leader.start, Signal::SIGTERM);
        for process in self.survivors(running).await.iter().filter(|process| !process.in_group(running.pid)) {
            instance::signal_process(process, Signal::SIGTERM);
        }
        let mut exited = false;
        loop {
            let deadline = self.stop.borrow_and_update().unwrap_or_else(Instant::now);
            tokio::select! {
                _ = running.child.wait(), if !exited => exited = true,
                () = sleep(LOOK), if exited => {}
                _ = self.stop.changed() => continue, // the deadline moved
                () = sleep_until(deadline) => return self.kill_tree(running).await,
            }
            if exited && self.survivors(running).await.is_empty() {
                return false;
            }
        }
    }

    /// Kills everything of a tree. True when there was something to kill.
    async fn kill_tree(&mut self, running: &mut Running) -> bool {
        let deadline = Instant::now() + KILL_LIMIT;
        let mut killed = running.child.id().is_some();
        loop {
            if running.child.id().is_some() {
                instance::kill_process_group(running.pid, running.leader.start);
            }
            let alive = self.survivors(running).await;
            if let (false, Some(group)) = (alive.is_empty(), &running.group) {
                group.kill();
            }
            alive.iter().for_each(|process| instance::signal_process(process, Signal::SIGKILL));
            killed |= !alive.is_empty();
            let gone = timeout(LOOK, running.child.wait()).await.is_ok();
            if gone && alive.is_empty() {
                return killed;
            }
            if Instant::now() > deadline {
                let pids: Vec<u32> = alive.iter().map(|process| process.pid).collect();
                let text = format!("{} processes do not die and are left behind: {pids:?}", pids.len());
                self.inner.emit(&self.key, EventKind::Note { text });
                return true;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// The processes of a tree that still run.
    async fn survivors(&self, running: &Running) -> Vec<procfs::Process> {
        let (inner, tag, group) = (self.inner.clone(), self.tag.clone(), running.group.clone());
        let look = move || {
            let inside = group.map(|group| group.pids()).unwrap_or_default();
            let inside = inside.into_iter().filter_map(procfs::process);
            let known = inner.census().remove(&tag).unwrap_or_default();
            let mut alive: Vec<procfs::Process> = inside.chain(known).filter(procfs::Process::alive).collect();
            alive.sort_unstable_by_key(|process| process.pid);
            alive.dedup_by_key(|process| process.pid);
            alive
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default() // fails only while the runtime shuts down
    }

    /// Gives back what a process had.
    async fn clear(&mut self, running: Running) {
        for mut pump in running.pumps {
            if timeout(LAST_OUTPUT, &mut pump).await.is_err() {
                pump.abort(); // somebody outside the tree holds the pipe
            }
        }
        self.inner.remove_leader(running.pid);
        self.inner.end_life(&self.key);
        running.group.iter().for_each(|group| group.remove());
    }

    /// Now, as the platform's clock has it.
    pub(super) fn now(&self) -> Time {
        (self.inner.clock)()
    }
}

fn cannot_start(status: String) -> End {
    End::Ended { status, life: Life::CannotStart, port_lost: false }
}
