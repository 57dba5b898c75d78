//! Python environments for tests of real Python applications: made once per list of requirements, then shared.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with the programs of a virtual environment that holds what `requirements` lists; made below `cache` if it is
/// not there yet. Needs `python3` with its `venv` module and the Python package registry.
///
/// # Panics
/// When it cannot be made; the message has the output of the command that failed.
pub fn programs(requirements: &Path, cache: &Path) -> PathBuf {
    let list = fs::read_to_string(requirements).expect("the list of requirements is readable");
    let mut hasher = DefaultHasher::new();
    list.hash(&mut hasher);
    let folder = cache.join(format!("venv-{:016x}", hasher.finish()));
    fs::create_dir_all(cache).expect("the cache folder is writable");
    let lock = File::create(folder.with_extension("lock")).expect("the cache folder is writable");
    lock.lock().expect("file locks work in the cache folder");
    let complete = folder.join("complete");
    if !complete.exists() {
        let _ = fs::remove_dir_all(&folder); // what an interrupted run left
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let pip = folder.join("bin/pip");
        run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements));
        fs::write(&complete, "").expect("the cache folder is writable");
    }
    folder.join("bin")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} cannot be run: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}
