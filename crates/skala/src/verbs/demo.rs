//! `demo`.
use crate::cli::DemoArgs;
use crate::exit::Outcome;
pub fn run(_args: &DemoArgs) -> Outcome {
    Ok(())
}
