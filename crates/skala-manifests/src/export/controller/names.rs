//! Which texts may be put into a manifest.

use super::ControllerExport;

/// A value that cannot be what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {what}")]
pub struct InvalidExport {
    value: String,
    what: &'static str,
}

const LABEL: &str = "a namespace: at most 63 of a-z, 0-9 and '-', with a letter or digit at both ends";
const SUBDOMAIN: &str = "a name: at most 253 of a-z, 0-9, '-' and '.', with a letter or digit at both ends";
const IMAGE: &str = "an image, such as registry.example.com/skala:0.1.0";

pub(super) fn check(export: &ControllerExport) -> Result<(), InvalidExport> {
    let namespaces = export.watch.iter().chain(export.secrets.iter().map(|s| &s.namespace)).chain([&export.namespace]);
    for namespace in namespaces {
        must(namespace.len() <= 63 && is_name(namespace, ""), namespace, LABEL)?;
    }
    for name in export.scalable.iter().chain(export.secrets.iter().map(|s| &s.name)) {
        must(name.len() <= 253 && is_name(name, "."), name, SUBDOMAIN)?;
    }
    let image = &export.image;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_/:@".contains(c);
    let shaped = image.starts_with(|c: char| c.is_ascii_alphanumeric()) && !image.ends_with(':');
    must(image.len() <= 500 && shaped && image.chars().all(plain), image, IMAGE)
}

fn must(holds: bool, value: &str, what: &'static str) -> Result<(), InvalidExport> {
    if holds { Ok(()) } else { Err(InvalidExport { value: value.chars().take(100).collect(), what }) }
}

fn is_name(text: &str, besides: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(good) && text.ends_with(good) && text.chars().all(|c| good(c) || c == '-' || besides.contains(c))
}
