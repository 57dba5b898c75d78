//! `import`: HPA, KEDA, VPA and Knative manifests to a platform file or `Autoscaler` objects.

use std::io::Read;

use skala_manifests::import::import;
use skala_manifests::yaml;

use crate::cli::{ImportArgs, ImportTo};
use crate::exit::{Exit, FAILED, Outcome};
use crate::show;

/// Longest manifest in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// `skala import FILE...`: the result on stdout, and on stderr what could not be carried over.
pub fn run(args: &ImportArgs) -> Outcome {
    let mut manifests = Vec::new();
    for path in &args.files {
        let name = path.display();
        let failed = |message: String| Exit::new(FAILED, message, "name files as `kubectl get -o yaml` or `-o json` prints them");
        let mut text = String::new();
        let read = match path.as_os_str() == "-" {
            true => std::io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text),
            false => std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)),
        };
        read.map_err(|e| failed(format!("cannot read {name}: {e}")))?;
        for (line, document) in documents(&text) {
            let manifest = yaml::parse(document).map_err(|e| failed(format!("{name}:{}: {e}", line + e.line)))?;
            manifests.push(manifest);
        }
    }
    let imported = import(manifests);
    let (text, notes) = match args.to {
        ImportTo::Platform => imported.platform_file(&args.name),
        ImportTo::Autoscaler => imported.autoscalers(),
    };
    if imported.scaled.is_empty() {
        let help = "HorizontalPodAutoscaler, ScaledObject, Deployment and Knative's Service can be imported";
        return Err(Exit::new(FAILED, "there is nothing to import", help));
    }
    for note in &notes {
        let field = if note.field.is_empty() { String::new() } else { format!(" {}", note.field) };
        eprintln!("not carried over: {}{field}: {}", note.object, note.reason);
    }
    show::say(text.trim_end());
    Ok(())
}

/// The YAML documents of a text, each with the number of lines in front of it.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let (mut all, mut start, mut at, mut first) = (Vec::new(), 0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" {
            all.push((first, &text[start..at]));
            (start, first) = (at + line.len(), number + 1);
        }
        at += line.len();
    }
    all.push((first, &text[start..]));
    all
}
