//! The examples, run as their READMEs say.

mod gunicorn;
mod quickstart;
mod rag;

use std::fs;
use std::path::{Path, PathBuf};

use skala_testkit::skala::Skala;

use crate::{BINARY, HEAD};

/// The folder of an example.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// A copy of an example whose ports are chosen by the system.
fn copy(name: &str) -> Skala {
    let original = fs::read_to_string(folder(name).join("skala.yaml")).unwrap();
    let ports = HEAD.split_once('\n').unwrap().1;
    let skala = Skala::new(BINARY, &format!("{original}\n{ports}"));
    for entry in fs::read_dir(folder(name)).unwrap().flatten() {
        let file = entry.file_name();
        if entry.path().is_file() && file != "skala.yaml" {
            fs::copy(entry.path(), skala.folder().join(file)).unwrap();
        }
    }
    skala
}

#[test]
fn every_example_is_clean() {
    for entry in fs::read_dir(folder("")).unwrap().flatten().filter(|e| e.path().is_dir()) {
        let file = entry.path().join("skala.yaml");
        let skala = Skala::new(BINARY, "");
        let ran = skala.run(&["check", file.to_str().unwrap()]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
        assert!(ran.stdout.contains(": ok, 0 errors, 0 warnings"), "{ran:?}");
        assert!(entry.path().join("README.md").is_file());
    }
}
