//! `skala controller`: the controller on Kubernetes.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use skala_kubernetes::{Controller, LeaseSettings, Measured, Settings, SourceError, Sources, Target, connect};
use skala_signals::{Memory, Reader};
use skala_spec::model::Source;
use tokio::sync::Mutex;

use crate::cli::ControllerArgs;
use crate::exit::Outcome;

/// Most sources whose earlier answers are remembered.
const MOST_MEMORIES: usize = 100_000;

/// Runs until SIGTERM or Ctrl-C.
pub fn run(args: &ControllerArgs) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("start the runtime")?;
    Ok(runtime.block_on(control(args))?)
}

async fn control(args: &ControllerArgs) -> anyhow::Result<()> {
    let target = Target { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() };
    let client = connect(&target).await?;
    let namespace = args.lease_namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let lease = (!args.no_election).then(|| LeaseSettings::new(namespace, &args.lease_name, identity()));
    let settings = Settings {
        namespaces: args.namespace.clone(),
        sync_period: args.sync_period,
        stale_after_syncs: args.stale_after_syncs,
        workers: args.workers,
        lease,
        listen: args.listen,
        deletion_cost: !args.no_deletion_cost,
        dry_run: args.dry_run,
    };
    Controller::new(client, settings, Arc::new(Outside::default())).run(end()).await?;
    Ok(())
}

/// The pod's name, which is unique, or the process's.
fn identity() -> String {
    std::env::var("POD_NAME").unwrap_or_else(|_| {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}_{}", host.trim(), std::process::id())
    })
}

async fn end() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Triggers, read by `skala-signals`.
#[derive(Default)]
struct Outside {
    reader: Reader,
    memories: Mutex<HashMap<String, Arc<Mutex<Memory>>>>,
}

impl Sources for Outside {
    fn read<'a>(&'a self, owner: &'a str, source: &'a Source) -> BoxFuture<'a, Result<Measured, SourceError>> {
        async move {
            let memory = {
                let mut memories = self.memories.lock().await;
                if memories.len() >= MOST_MEMORIES && !memories.contains_key(owner) {
                    memories.clear();
                }
                memories.entry(owner.to_owned()).or_default().clone()
            };
            let mut memory = memory.lock().await;
            let sample = self.reader.look(source, &mut memory).await.map_err(|e| SourceError(e.to_string()))?;
            Ok(Measured { value: sample.value, activity: Some(sample.activity) })
        }
        .boxed()
    }
}
