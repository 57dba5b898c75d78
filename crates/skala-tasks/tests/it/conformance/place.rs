//! Where a store lies, so that it can be opened twice.

use skala_tasks::store::{Candidate, LayeredStore, Leadership, MemoryStore, SqliteSettings, SqliteStore, Store};

/// A place of a store.
pub(crate) trait Place {
    /// An empty one.
    fn new() -> Self
    where
        Self: Sized;

    /// A handle as of a process of its own.
    fn open(&self) -> Box<dyn Store>;

    /// A handle that leads, whoever led before.
    fn leading(&self) -> Box<dyn Store> {
        let mut store = self.open();
        lead_anyway(&mut *store);
        store
    }
}

pub(crate) struct InMemory(MemoryStore);

impl Place for InMemory {
    fn new() -> InMemory {
        InMemory(MemoryStore::new())
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(self.0.again())
    }
}

pub(crate) struct OnDisk(tempfile::TempDir);

impl Place for OnDisk {
    fn new() -> OnDisk {
        OnDisk(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.0.path().join("tasks.db"), SqliteSettings::default()).unwrap())
    }
}

/// Over SQLite, with a queue in memory that the suite does not use.
pub(crate) struct Layered(OnDisk);

impl Place for Layered {
    fn new() -> Layered {
        Layered(OnDisk::new())
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(LayeredStore::over(self.0.open(), ["in memory".into()]))
    }
}

/// A process called so.
pub(crate) fn candidate(name: &str) -> Candidate {
    Candidate { name: name.to_owned(), url: format!("http://{name}:7702") }
}

/// Leads, as one does that has seen the leader silent for long enough.
pub(crate) fn lead_anyway(store: &mut dyn Store) -> u32 {
    match store.lead(&candidate("test"), None).unwrap() {
        Leadership::Leads { epoch } => epoch,
        Leadership::Follows { epoch, beat, .. } => match store.lead(&candidate("test"), Some((epoch, beat))).unwrap() {
            Leadership::Leads { epoch } => epoch,
            follows => panic!("{follows:?}"),
        },
    }
}
