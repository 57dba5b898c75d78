//! The skala binary: one file per verb.
use clap::Parser;

mod backend;

#[derive(Parser)]
enum Verb {
    /// The demo backend.
    #[command(hide = true)]
    Backend(backend::BackendArgs),
}

fn main() -> anyhow::Result<()> {
    let Verb::Backend(args) = Verb::parse();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(backend::run(args))
}
