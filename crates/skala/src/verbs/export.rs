//! `skala export`: manifests for others to apply.

use skala_manifests::export::{ControllerExport, SecretName};

use crate::cli::{ExportArgs, ExportTo, KubernetesArgs};
use crate::exit::{Exit, Outcome, USAGE};
use crate::show;

/// Prints manifests on stdout.
pub fn run(args: &ExportArgs) -> Outcome {
    match &args.to {
        ExportTo::Kubernetes(args) => kubernetes(args),
    }
}

fn kubernetes(args: &KubernetesArgs) -> Outcome {
    if !args.controller {
        return Err(Exit::new(USAGE, "nothing to export", "add --controller to print what installs skala's controller"));
    }
    let mut export = ControllerExport {
        namespace: args.namespace.clone(),
        replicas: args.replicas,
        watch: args.watch.clone(),
        secrets: args
            .secret
            .iter()
            .map(|(namespace, name)| SecretName { namespace: namespace.clone(), name: name.clone() })
            .collect(),
        scalable: args.scalable.clone(),
        deletion_cost: !args.no_deletion_cost,
        dry_run: args.dry_run,
        ..ControllerExport::default()
    };
    if let Some(image) = &args.image {
        export.image.clone_from(image);
    }
    let yaml = export.yaml().map_err(|e| Exit::new(USAGE, e.to_string(), "see skala export kubernetes --help"))?;
    show::say(yaml.trim_end());
    Ok(())
}
