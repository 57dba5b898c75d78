//! Development tasks: `cargo run -p xtask -- generate`.
//!
//! `cargo test -p xtask` holds the allowed edges between crates.

#[cfg(test)]
mod edges;

use std::process::Command;

use anyhow::{Context, bail};

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("generate") => generate(),
        _ => {
            bail!("usage: cargo run -p xtask -- generate   (writes the schema, the reference page and every expected text anew)")
        }
    }
}

/// Runs the tests that hold generated files, letting them write.
fn generate() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status =
        Command::new(cargo).args(["test", "-p", "skala-spec"]).env("UPDATE_EXPECT", "1").status().context("run cargo")?;
    if !status.success() {
        bail!("cargo test -p skala-spec failed");
    }
    Ok(())
}
