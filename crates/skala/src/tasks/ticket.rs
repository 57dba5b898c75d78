//! Addresses of answers to come, which nobody can guess.
//!
//! Method: HMAC-SHA-256 of the task's id, 128 bits of it, under a key of 256 random bits that lies beside the store; so processes
//!   that share a store know each other's addresses, and no address needs to be kept.
//! Invariants: the key's file is its owner's alone; comparing takes as long for a wrong address as for a right one.
//! Tested: `tests` below.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use skala_queue::TaskId;

/// Bytes of the key.
const KEY: usize = 32;
/// Bytes of the code in an address.
const CODE: usize = 16;

/// Makes and checks addresses.
pub struct Key(hmac::Key);

impl Key {
    /// Reads the key, or makes it where there is none.
    pub fn open(path: &Path) -> io::Result<Key> {
        let found = match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => make(path).and_then(|()| std::fs::read(path))?,
            found => found?,
        };
        if found.len() != KEY {
            let text = format!("{} has {} bytes instead of {KEY}; remove it, and clients ask anew", path.display(), found.len());
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        Ok(Key(hmac::Key::new(hmac::HMAC_SHA256, &found)))
    }

    /// The address of a task's answer: its id and a code.
    pub fn address(&self, id: TaskId) -> String {
        let code = self.code(id.to_string().as_bytes());
        format!("{id}.{code}")
    }

    /// The task that an address names; none when it is not one of ours.
    pub fn task(&self, address: &str) -> Option<TaskId> {
        let (id, code) = address.split_once('.')?;
        let id: TaskId = id.parse().ok()?;
        same(code.as_bytes(), self.code(id.to_string().as_bytes()).as_bytes()).then_some(id)
    }

    /// A code of any text, in hex digits.
    pub fn code(&self, of: &[u8]) -> String {
        let tag = hmac::sign(&self.0, of);
        tag.as_ref()[..CODE].iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
}

/// Makes a key; one that another process made meanwhile stays.
fn make(path: &Path) -> io::Result<()> {
    let mut key = [0; KEY];
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let new = path.with_extension(format!("key.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = match std::fs::hard_link(&new, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    std::fs::remove_file(&new)?;
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_addresses_name_tasks_and_they_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tasks.key");
        let key = Key::open(&path).unwrap();
        let address = key.address(TaskId(77));
        assert_eq!(address.len(), 13 + 1 + 32);
        assert_eq!(Key::open(&path).unwrap().task(&address), Some(TaskId(77)));
        let other = key.address(TaskId(78));
        let forged = format!("{}.{}", TaskId(78), &address[14..]);
        for wrong in [forged.as_str(), &address[..13], &address[..45], "", ".", "x.y", &format!("{address}0")] {
            assert_eq!(key.task(wrong), None, "{wrong}");
        }
        assert_eq!(key.task(&other), Some(TaskId(78)));
        let elsewhere = Key::open(&folder.path().join("other.key")).unwrap();
        assert_eq!(elsewhere.task(&address), None);
        std::fs::write(&path, "short").unwrap();
        assert!(Key::open(&path).is_err());
    }
}
