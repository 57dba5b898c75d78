//! `skala import`: any text is imported or refused with its line, and a platform file that comes out has no errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_manifests::import::{ImportError, Input, To, import};
use skala_spec::{LoadOptions, Problem, Source, load};

fuzz_target!(|text: &str| {
    for to in [To::Platform, To::Autoscaler] {
        let imported = match import(&[Input { name: "in.yaml", text }], to) {
            Ok(imported) => imported,
            Err(ImportError::Unreadable { line, message, .. }) => {
                assert!(line > 0 && !message.is_empty());
                continue;
            }
            Err(_) => continue,
        };
        assert!(imported.notes.iter().all(|n| n.file == "in.yaml" && !n.reason.is_empty() && !n.help.is_empty()));
        if to == To::Autoscaler {
            continue;
        }
        let written = imported.yaml();
        let env = |name: &str| imported.sample(name).map(str::to_owned);
        let options = LoadOptions { environment: None, env: &env, read_file: &|_| Err("no files here".to_owned()) };
        let loaded = load(&Source { name: "skala.yaml", text: &written }, &options);
        let errors: Vec<_> = loaded.problems.iter().filter(|p| Problem::is_error(p)).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{written}");
    }
});
