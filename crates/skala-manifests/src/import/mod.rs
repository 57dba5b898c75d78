//! From other people's manifests to a platform file, or to `Autoscaler` objects.
//!
//! Decides: what a HorizontalPodAutoscaler, a ScaledObject, a VerticalPodAutoscaler, Knative's annotations and the workloads beside
//!   them mean in skala's words.
//! Inputs: texts of YAML or JSON, each with a name.
//! Method: readers (`hpa`, `keda`, `vpa`, `knative`, `workload`) fill drafts and remember which fields they read; writers
//!   (`platform`, `autoscaler`) print them. What is in neither becomes a note, with file, line, object and field.
//! Invariants: no input panics; every text, list and note is bounded; values of secrets are never copied; the platform file that comes
//!   out passes `check` once the variables that the notes name are set.
//! Tested: `tests/it/import`.

mod autoscaler;
mod beat;
mod behavior;
mod draft;
mod fields;
mod hpa;
mod keda;
mod knative;
mod note;
mod objects;
mod platform;
mod text;
mod tree;
mod variables;
mod vpa;
mod workload;
mod write;

use serde::Serialize;
use serde_json::Value;

pub use beat::beat;
pub use note::Note;
pub use tree::MAX_BYTES;

use draft::{Front, Scaler, Vertical, Workload};
use keda::Auth;
use note::Notes;
use variables::Variables;

/// Largest platform file, in bytes.
const MAX_PLATFORM: usize = 1 << 20;

/// One text to import.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Name for notes, usually the path.
    pub name: &'a str,
    /// YAML or JSON, any number of documents.
    pub text: &'a str,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// A platform file.
    Platform,
    /// Custom resources `Autoscaler`, one per scaler of the input.
    Autoscaler,
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Imported {
    /// The platform file, or the list of Autoscalers.
    pub output: Value,
    /// What could not be carried over, in the order of the input.
    pub notes: Vec<Note>,
    /// Environment variables that the platform file refers to.
    pub variables: Vec<String>,
    #[serde(skip)]
    samples: Vec<&'static str>,
}

impl Imported {
    /// The output as YAML; Autoscalers as one document each.
    pub fn yaml(&self) -> String {
        match &self.output {
            Value::Array(documents) => documents.iter().map(|d| format!("---\n{}", write::yaml(d))).collect(),
            platform => write::yaml(platform),
        }
    }

    /// A value of the shape that a variable should have, to try the platform file out before the real one is set.
    pub fn sample(&self, variable: &str) -> Option<&'static str> {
        let at = self.variables.iter().position(|v| v == variable)?;
        self.samples.get(at).copied()
    }
}

/// Why nothing came of an import.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A text that is neither YAML nor JSON, or too large, or too deep.
    #[error("{file}:{line}: {message}")]
    Unreadable {
        /// Name of the input.
        file: String,
        /// Line in it, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// More objects than an import takes.
    #[error("there are more than {most} objects")]
    TooMany {
        /// How many it takes.
        most: usize,
    },
    /// A platform file larger than one may be.
    #[error("the platform file would have {bytes} bytes, more than {MAX_PLATFORM}")]
    TooLarge {
        /// How many it would have.
        bytes: usize,
    },
    /// Nothing in the input scales or runs.
    #[error(
        "there is nothing to import: no HorizontalPodAutoscaler, ScaledObject, VerticalPodAutoscaler, Deployment, StatefulSet, Knative Service or \
         entry of a beat schedule"
    )]
    Nothing {
        /// What was found instead.
        notes: Vec<Note>,
    },
}

/// Everything that was understood.
#[derive(Debug, Default)]
struct Found {
    notes: Notes,
    variables: Variables,
    auths: Vec<Auth>,
    workloads: Vec<Workload>,
    fronts: Vec<Front>,
    scalers: Vec<Scaler>,
    verticals: Vec<Vertical>,
}

/// Imports texts.
///
/// # Errors
/// For text that cannot be read, too many objects, and when there is nothing to import.
///
/// ```
/// use skala_manifests::import::{Input, To, import};
///
/// let text = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {maxReplicas: 9, scaleTargetRef: {kind: Deployment, name: web}}";
/// let imported = import(&[Input { name: "hpa.yaml", text }], To::Platform)?;
/// assert_eq!(imported.output["services"]["web"]["autoscaling"]["maxReplicas"], 9);
/// assert!(imported.notes.iter().any(|note| note.reason.contains("the program")));
/// # Ok::<(), skala_manifests::import::ImportError>(())
/// ```
pub fn import(inputs: &[Input<'_>], to: To) -> Result<Imported, ImportError> {
    let objects = objects::read(inputs)?;
    let mut found = Found::default();
    objects::understand(&objects, to, &mut found);
    let files: Vec<&str> = inputs.iter().map(|i| i.name).collect();
    let nothing = match to {
        To::Platform => found.scalers.is_empty() && found.verticals.is_empty() && found.workloads.is_empty(),
        To::Autoscaler => found.scalers.is_empty(),
    };
    if nothing {
        return Err(ImportError::Nothing { notes: found.notes.finish(&files) });
    }
    let output = match to {
        To::Platform => platform::write(&mut found),
        To::Autoscaler => autoscaler::write(&mut found),
    };
    // Only what the output refers to; a dropped trigger may have left variables behind.
    let text = output.to_string();
    let used = found.variables.used(&text).into_iter();
    let (variables, samples) = used.map(|v| (v.name.clone(), v.sample)).unzip();
    let imported = Imported { output, notes: found.notes.finish(&files), variables, samples };
    // JSON is hardly ever shorter than the YAML that is written.
    if to == To::Platform && text.len() > MAX_PLATFORM / 2 {
        let bytes = imported.yaml().len();
        if bytes > MAX_PLATFORM {
            return Err(ImportError::TooLarge { bytes });
        }
    }
    Ok(imported)
}
