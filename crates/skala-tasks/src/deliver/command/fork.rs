//! Starts processes that cannot outlive skala.
//!
//! Method: `PR_SET_PDEATHSIG` between fork and exec. The kernel sends that signal when the *thread* that forked ends (prctl(2)), so
//!   one thread that lives as long as the deliverer does all forks. Each process leads a group of its own, so that what it
//!   starts is signalled with it.
//! Invariants: only async-signal-safe calls between fork and exec; this is the crate's only unsafe code.
//! Tested: `tests/it/command.rs`.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid};
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Starts that may wait for the thread; further ones wait to wait.
const WAITING: usize = 64;

type Order = (Command, oneshot::Sender<io::Result<Child>>);

/// The thread that forks. Dropping it ends the thread, and with it every process that it started.
#[derive(Debug)]
pub(crate) struct Forker {
    orders: mpsc::Sender<Order>,
}

impl Forker {
    /// Starts the thread; processes are waited for on `runtime`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn new(runtime: Handle) -> io::Result<Forker> {
        let (orders, mut inbox) = mpsc::channel::<Order>(WAITING);
        let work = move || {
            while let Some((command, reply)) = inbox.blocking_recv() {
                let _inside = runtime.enter();
                // A caller that gave up drops the process, which kills it.
                let _ = reply.send(fork(command));
            }
        };
        std::thread::Builder::new().name("skala-command".into()).stack_size(256 * 1024).spawn(work)?;
        Ok(Forker { orders })
    }

    /// Starts a process.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) async fn start(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the starting thread has ended");
        self.orders.send((command, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn fork(mut command: Command) -> io::Result<Child> {
    let parent = getpid();
    let prepare = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != parent {
            return Err(Errno::ESRCH.into()); // the parent ended before the line above; nobody would send the signal
        }
        Ok(())
    };
    command.process_group(0);
    #[expect(unsafe_code, reason = "the parent-death signal can only be set between fork and exec")]
    // SAFETY: `prepare` calls prctl and getppid, which are async-signal-safe, and neither allocates nor locks.
    unsafe {
        command.pre_exec(prepare);
    }
    tokio::process::Command::from(command).kill_on_drop(true).spawn()
}
