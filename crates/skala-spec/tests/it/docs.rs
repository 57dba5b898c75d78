//! Platform files in the documentation are good ones.

use crate::{listing, load_in};

/// The blocks of a page that are whole platform files.
fn files(page: &str) -> impl Iterator<Item = &str> {
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("platform:"))
}

#[test]
fn examples_load() {
    let pages = [
        ("budget", include_str!("../../../../docs/budget.md")),
        ("knative", include_str!("../../../../docs/knative.md")),
        ("platform-file", include_str!("../../../../docs/platform-file.md")),
        ("signals", include_str!("../../../../docs/signals.md")),
        ("tasks", include_str!("../../../../docs/tasks.md")),
        ("vertical", include_str!("../../../../docs/vertical.md")),
    ];
    for (name, page) in pages {
        let mut count = 0;
        for text in files(page) {
            let loaded = load_in(text, None);
            assert_eq!(listing(&loaded), "", "docs/{name}.md");
            count += 1;
        }
        assert!(count > 0, "docs/{name}.md has a platform file");
    }
}
