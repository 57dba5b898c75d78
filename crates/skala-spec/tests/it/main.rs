//! Tests of the platform file as its users meet it: text in, platform or problems out.

mod capacity;
mod docs;
mod generated;
mod load;
mod lower;
mod planning;
mod problems;
mod queues;
mod robust;
mod scalars;
mod scaling;
mod schedules;
mod sources;

use skala_spec::{LoadOptions, Loaded, Source, load as load_file};

/// Loads with a small world: `DB_PASSWORD` is set, `token.txt` can be read.
fn load_in(text: &str, environment: Option<&str>) -> Loaded {
    let env = |name: &str| match name {
        "DB_PASSWORD" => Some("hunter2".to_owned()),
        "WORKERS" => Some("7".to_owned()),
        "NAME" => Some("Not A Name".to_owned()),
        _ => None,
    };
    let read_file = |path: &str| match path {
        "token.txt" => Ok("s3cret\n".to_owned()),
        "empty.txt" => Ok("\n".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    load_file(&Source { name: "skala.yaml", text }, &LoadOptions { environment, env: &env, read_file: &read_file })
}

/// The problems, one per line.
fn listing(loaded: &Loaded) -> String {
    loaded.problems.iter().map(|p| format!("{p}\n")).collect()
}
