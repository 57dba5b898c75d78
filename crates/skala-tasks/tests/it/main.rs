//! The task server over real sockets, files and processes.

mod deliver;
