//! `import`: other people's manifests to a platform file, or to `Autoscaler` objects.

use std::io::{IsTerminal, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;
use skala_console::views::SCHEMA_VERSION;
use skala_manifests::import::{ImportError, Imported, Input, MAX_BYTES, Note, To, beat as import_beat, import};

use crate::cli::{ImportArgs, ImportTo, Output};
use crate::exit::{Exit, FAILED, FINDINGS, Outcome};
use crate::show;

/// Instead of a file: the schedules of the Celery application that follows.
const BEAT: &str = "celery-beat";
/// Most files of one import.
const MOST: usize = 1000;
/// Most bytes of all of them.
const MAX_TOTAL: usize = 64 << 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autoscalers: Option<&'a Value>,
    notes: &'a [Note],
    /// Environment variables that the platform file refers to.
    variables: &'a [String],
}

/// `skala import FILE...`: exit 3 with `--strict` when something could not be carried over.
pub fn run(args: &ImportArgs) -> Outcome {
    if let [what, app] = args.files.as_slice()
        && what.as_os_str() == BEAT
    {
        return beat(args, &app.display().to_string());
    }
    let texts = read(&args.files)?;
    let inputs: Vec<Input<'_>> = texts.iter().map(|(name, text)| Input { name, text }).collect();
    let to = match args.to {
        ImportTo::Platform => To::Platform,
        ImportTo::Autoscaler => To::Autoscaler,
    };
    let imported = import(&inputs, to).map_err(|error| match error {
        ImportError::Nothing { ref notes } => {
            table(notes);
            Exit::new(FAILED, error.to_string(), "name files with autoscalers or workloads, as `kubectl get -o yaml` prints them")
        }
        ImportError::Unreadable { .. } => Exit::new(FAILED, error.to_string(), "is it YAML or JSON, without templates?"),
        ImportError::TooMany { .. } | ImportError::TooLarge { .. } => {
            Exit::new(FAILED, error.to_string(), "import fewer files at a time")
        }
    })?;
    write(args, to, &imported)?;
    if args.strict && !imported.notes.is_empty() { Err(Exit::silent(FINDINGS)) } else { Ok(()) }
}

/// `skala import celery-beat APP`: the schedules of a Celery application, which its own Python reads.
fn beat(args: &ImportArgs, app: &str) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let read = runtime.block_on(skala_celery::beat::read(&args.python, Path::new("."), app)).map_err(|e| {
        let help = "run it in the application's folder, with its Python: --python .venv/bin/python";
        Exit::new(FAILED, e.to_string(), help)
    })?;
    let document = serde_json::to_string(&read).context("write the schedule")?;
    let imported = import_beat(app, &document).map_err(|e| Exit::new(FAILED, e.to_string(), "is it a Celery application?"))?;
    write(args, To::Platform, &imported)?;
    if args.strict && !imported.notes.is_empty() { Err(Exit::silent(FINDINGS)) } else { Ok(()) }
}

fn write(args: &ImportArgs, to: To, imported: &Imported) -> Outcome {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        platform: (to == To::Platform).then_some(&imported.output),
        autoscalers: (to == To::Autoscaler).then_some(&imported.output),
        notes: &imported.notes,
        variables: &imported.variables,
    };
    if args.form == Output::Table {
        table(&imported.notes);
    }
    if let Some(path) = &args.output {
        save(path, &imported.yaml(), args.force)?;
        if args.form == Output::Table {
            eprintln!("wrote {}", path.display());
        }
    }
    match args.form {
        Output::Json => show::json(&document),
        Output::Table if args.output.is_none() => show::say(imported.yaml().trim_end()),
        Output::Table => {}
    }
    Ok(())
}

/// Never in place of a file that is there already, unless that is wanted.
fn save(path: &Path, text: &str, force: bool) -> Outcome {
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true);
    if !force {
        options.create_new(true);
    }
    let written = options.open(path).and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|e| {
        let help = match e.kind() {
            std::io::ErrorKind::AlreadyExists => "name another file, or overwrite it with --force",
            _ => "name a file that can be written",
        };
        Exit::new(FAILED, format!("cannot write {}: {e}", path.display()), help)
    })
}

fn read(files: &[PathBuf]) -> Result<Vec<(String, String)>, Exit> {
    if files.len() > MOST {
        return Err(Exit::new(FAILED, format!("these are more than {MOST} files"), "import fewer files at a time"));
    }
    let mut texts = Vec::new();
    let mut total = 0;
    for path in files {
        let stdin = path.as_os_str() == "-";
        let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
        let mut bytes = Vec::new();
        let limit = MAX_BYTES as u64 + 1;
        let read = match stdin {
            true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
            false => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        };
        read.map_err(|e| Exit::new(FAILED, format!("cannot read {name}: {e}"), "name a file with manifests, or - for stdin"))?;
        total += bytes.len();
        if bytes.len() > MAX_BYTES || total > MAX_TOTAL {
            let message =
                format!("{name} is too large: at most {} MiB per file and {} MiB in all", MAX_BYTES >> 20, MAX_TOTAL >> 20);
            return Err(Exit::new(FAILED, message, "import fewer objects at a time"));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Exit::new(FAILED, format!("{name} is not text in UTF-8"), "name a file with manifests"))?;
        texts.push((name, text));
    }
    Ok(texts)
}

/// What could not be carried over, on stderr.
fn table(notes: &[Note]) {
    if notes.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["WHERE", "OBJECT", "FIELD", "WHY", "WHAT TO DO"]);
    if std::io::stderr().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for Note { file, line, object, field, reason, help } in notes {
        table.add_row([&format!("{file}:{line}"), object, field, reason, help].map(|text| plain(text)));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    for line in table.to_string().lines() {
        eprintln!("{}", line.trim_end());
    }
    let things = if notes.len() == 1 { "1 thing was" } else { &format!("{} things were", notes.len()) };
    eprintln!("{things} not carried over as written");
}

/// One line without control characters: the text comes from somebody's manifest.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
