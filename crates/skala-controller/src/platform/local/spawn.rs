//! Starts processes that cannot outlive skala.
//!
//! Decides: nothing; runs prepared commands.
//! Method: `PR_SET_PDEATHSIG` in the child between fork and exec. The kernel sends that signal when the *thread* that forked ends
//! (prctl(2)), so one thread that lives as long as the platform does all forks. The child also enters its cgroups there, so
//! that nothing it does escapes measurement.
//! Invariants: only async-signal-safe calls between fork and exec; this is the crate's only unsafe code.
//! Tested: `tests/local/guardian.rs` kills the parent; `tests/local/` starts everything through here.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid, write};
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::platform::PlatformError;

/// Starts that may wait for the thread; further ones wait to wait.
const WAITING: usize = 64;
/// The thread's name.
const THREAD: &str = "skala-spawn";

struct Order {
    command: Command,
    cgroups: Vec<File>,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// The thread that forks. Dropping it ends the thread, and with it every process that it started.
pub(super) struct Spawner {
    orders: mpsc::Sender<Order>,
}

impl Spawner {
    /// Starts the thread; children are waited for on `runtime`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn new(runtime: Handle) -> Result<Spawner, PlatformError> {
        let (orders, mut inbox) = mpsc::channel::<Order>(WAITING);
        let work = move || {
            while let Some(order) = inbox.blocking_recv() {
                let _inside = runtime.enter();
                // A caller that gave up drops the child; its supervisor's kill of the whole tree ends it.
                let _ = order.reply.send(spawn(order.command, order.cgroups));
            }
        };
        std::thread::Builder::new()
            .name(THREAD.into())
            .stack_size(256 * 1024)
            .spawn(work)
            .map_err(|source| PlatformError::Thread { name: THREAD, source })?;
        Ok(Spawner { orders })
    }

    /// Starts a command, inside the cgroups whose `cgroup.procs` files are given.
    ///
    /// # Errors
    /// What the system said.
    pub(super) async fn spawn(&self, command: Command, cgroups: Vec<File>) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the spawning thread has ended");
        self.orders.send(Order { command, cgroups, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn spawn(mut command: Command, cgroups: Vec<File>) -> io::Result<Child> {
    let parent = getpid();
    let prepare = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != parent {
            return Err(Errno::ESRCH.into()); // the parent ended before the line above; nobody would send the signal
        }
        for procs in &cgroups {
            let _ = write(procs, b"0"); // whether it worked is read back afterwards
        }
        Ok(())
    };
    #[expect(unsafe_code, reason = "the parent-death signal can only be set between fork and exec")]
    // SAFETY: `prepare` calls prctl, getppid and write, which are async-signal-safe, and neither allocates nor locks.
    unsafe {
        command.pre_exec(prepare);
    }
    tokio::process::Command::from(command).spawn()
}
