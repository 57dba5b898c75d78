//! From a specification to a command that can be run: `$PORT`, the program's path, and clear words when it cannot be run.
//!
//! Decides: which file is executed, with which arguments and variables.
//! Inputs: the specification, the port, the search path.
//! Invariants: a message names the command, never the value of a variable.
//! Tested: `tests` below; `tests/local/` runs commands that cannot be run.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::platform::ProcessSpec;

/// Search path when there is none in the environment; what a login shell of root has.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variable that the verbs of skala take the admin token from. A replica gets it only if its own `env` says so: whoever takes over a
/// replica must not command skala with it.
const ADMIN_TOKEN: &str = "SKALA_ADMIN_TOKEN";

/// Builds the command of a replica, to listen on `port`.
///
/// # Errors
/// A sentence for people when the command cannot be run.
pub(super) fn build(spec: &ProcessSpec, port: u16, extra: &[(&str, String)]) -> Result<Command, String> {
    let args: Vec<String> = spec.command.iter().map(|arg| expand(arg, port)).collect();
    let (program, rest) = args.split_first().filter(|(p, _)| !p.is_empty()).ok_or("the command is empty")?;
    if let Some(cwd) = &spec.cwd {
        check_folder(cwd)?;
    }
    let path = spec.env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| OsString::from(value));
    let path = path.or_else(|| std::env::var_os("PATH")).unwrap_or_else(|| DEFAULT_PATH.into());
    let file = find(program, spec.cwd.as_deref(), &path)?;

    let mut command = Command::new(file);
    command.arg0(program).args(rest).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove(ADMIN_TOKEN).envs(spec.env.iter().map(|(name, value)| (name, expand(value, port))));
    command.env("PORT", port.to_string()).envs(extra.iter().map(|(name, value)| (name, value)));
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    Ok(command)
}

/// Replaces `$PORT` and `${PORT}`; `$PORTAL` stays as it is.
fn expand(text: &str, port: u16) -> String {
    let text = text.replace("${PORT}", &port.to_string());
    let mut parts = text.split("$PORT");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let longer_name = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        out.push_str(if longer_name { "$PORT" } else { "" });
        if !longer_name {
            out.push_str(&port.to_string());
        }
        out.push_str(part);
    }
    out
}

fn check_folder(cwd: &Path) -> Result<(), String> {
    match cwd.metadata() {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(format!("working directory '{}' is not a folder", cwd.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("working directory '{}' does not exist", cwd.display()))
        }
        Err(error) => Err(format!("working directory '{}' cannot be used: {error}", cwd.display())),
    }
}

/// The file that a program name means, as a shell would find it.
fn find(program: &str, cwd: Option<&Path>, search: &OsString) -> Result<PathBuf, String> {
    if program.contains('/') {
        let file = cwd.unwrap_or(Path::new(".")).join(program);
        let file = std::path::absolute(&file).unwrap_or(file);
        return match file.metadata() {
            Ok(meta) if meta.is_dir() => Err(format!("command '{program}' is a folder")),
            Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Err(format!("command '{program}' is not executable")),
            Ok(_) => Ok(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!("command '{program}' does not exist")),
            Err(error) => Err(format!("command '{program}' cannot be used: {error}")),
        };
    }
    let mut not_executable = None;
    for folder in std::env::split_paths(search) {
        let file = folder.join(program);
        match file.metadata() {
            Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => return Ok(file),
            Ok(meta) if meta.is_file() => not_executable = Some(file),
            _ => {}
        }
    }
    Err(match not_executable {
        Some(file) => format!("command '{}' is not executable", file.display()),
        None => format!("command '{program}' not found in PATH"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_filled_in() {
        let rows = [
            ("127.0.0.1:$PORT", "127.0.0.1:80"),
            ("${PORT}", "80"),
            ("a$PORT/b${PORT}c", "a80/b80c"),
            ("$PORTAL $PORT_X", "$PORTAL $PORT_X"),
            ("$HOME", "$HOME"),
            ("", ""),
        ];
        for (text, want) in rows {
            assert_eq!(expand(text, 80), want);
        }
    }

    #[test]
    fn the_admin_token_is_not_handed_on() {
        let token = |env: &[(&str, &str)]| {
            let mut spec = ProcessSpec::new(vec!["/bin/sh".into()]);
            spec.env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            let command = build(&spec, 80, &[]).unwrap();
            let found = command.get_envs().find(|(name, _)| *name == ADMIN_TOKEN).map(|(_, value)| value.map(ToOwned::to_owned));
            found.expect("removed or set")
        };
        assert_eq!(token(&[]), None);
        assert_eq!(token(&[(ADMIN_TOKEN, "mine")]), Some("mine".into()));
    }

    #[test]
    fn a_command_that_cannot_run_is_named() {
        let why = |command: &[&str], cwd: Option<&str>| {
            let mut spec = ProcessSpec::new(command.iter().map(|s| s.to_string()).collect());
            spec.cwd = cwd.map(PathBuf::from);
            build(&spec, 80, &[]).err().unwrap_or_else(|| "runs".into())
        };
        let rows: [(&[&str], Option<&str>, &str); 7] = [
            (&["gunicron"], None, "command 'gunicron' not found in PATH"),
            (&["/nowhere/app"], None, "command '/nowhere/app' does not exist"),
            (&["/etc/passwd"], None, "command '/etc/passwd' is not executable"),
            (&["/etc"], None, "command '/etc' is a folder"),
            (&[], None, "the command is empty"),
            (&["sh"], Some("/nowhere"), "working directory '/nowhere' does not exist"),
            (&["./sh"], Some("/bin"), "runs"),
        ];
        for (command, cwd, want) in rows {
            assert_eq!(why(command, cwd), want);
        }
    }
}
