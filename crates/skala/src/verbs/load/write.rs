//! Measured figures into a platform file, line by line, so that comments and order stay.
//!
//! Decides: which lines change.
//! Inputs: the file's text, the service, what was measured.
//! Method: finds `capacity:`, `services:` and the service by indentation; replaces the lines of the measured fields, adds those that
//!   lack; a file without the section gets it at its end. What is written in braces or with tabs is left alone: the user pastes.
//! Invariants: no line but those of measured fields changes; a file that is not understood is not written.
//! Tested: `tests` below.

use std::path::Path;

use skala_load::{Measured, capacity_yaml};

use crate::exit::{Exit, FAILED, Outcome, USAGE};

/// Refuses, before minutes of measuring, a file that could not be written afterwards.
pub fn check(file: &Path, service: &str) -> Outcome {
    let unusable = |why: String| {
        let help = "name a platform file that is there, or leave out --write and paste what is printed";
        Exit::new(USAGE, format!("{} {why}", file.display()), help)
    };
    if !std::fs::metadata(file).map_err(|e| unusable(format!("cannot be read: {e}")))?.is_file() {
        return Err(unusable("is not a regular file".to_owned()));
    }
    let text = std::fs::read_to_string(file).map_err(|e| unusable(format!("cannot be read: {e}")))?;
    let some = Measured { throughput_per_replica: Some(1.0), service_time: Some((1.0, 1.0)), start_up_ms: Some(1.0) };
    edited(&text, service, &some).map(|_| ()).ok_or_else(|| {
        let message = format!("the capacity section of {} is in a form that is not edited by line", file.display());
        Exit::new(USAGE, message, "write it without braces, or leave out --write and paste what is printed")
    })
}

/// Writes into `file`, and shows on stderr what changed.
pub fn into(file: &Path, service: &str, measured: &Measured) -> Outcome {
    // What was measured is told whatever becomes of the file: nobody wants to measure again.
    let paste = |message: String| {
        Exit::new(FAILED, message, format!("it is unchanged; paste this into it:\n{}", capacity_yaml(service, measured)))
    };
    let before = std::fs::read_to_string(file).map_err(|e| paste(format!("cannot read {}: {e}", file.display())))?;
    let form = || paste(format!("the capacity section of {} is in a form that is not edited by line", file.display()));
    let after = edited(&before, service, measured).ok_or_else(form)?;
    if after != before {
        replace(file, &after).map_err(|e| paste(format!("cannot write {}: {e}", file.display())))?;
    }
    eprint!("{}", difference(&before, &after));
    Ok(())
}

/// Beside it, then renamed: nobody ever sees half a file. A link stays one, and the file's permissions stay.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let file = file.canonicalize()?;
    let beside = file.with_extension("yaml.new");
    let written = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(&file)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, &file));
    if written.is_err() {
        // What is left of it is of no use; that it cannot be removed either changes nothing.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// Lines that went and lines that came.
fn difference(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same_head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - same_head;
    let same_tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let gone = old[same_head..old.len() - same_tail].iter().map(|l| format!("-{l}\n"));
    let came = new[same_head..new.len() - same_tail].iter().map(|l| format!("+{l}\n"));
    gone.chain(came).collect()
}

/// The text with the measured fields, its line ends kept; `None` where its form is not understood.
fn edited(text: &str, service: &str, measured: &Measured) -> Option<String> {
    let after = with_fields(text, service, measured)?;
    Some(if text.contains("\r\n") { after.replace("\r\n", "\n").replace('\n', "\r\n") } else { after })
}

fn with_fields(text: &str, service: &str, measured: &Measured) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let all = 0..lines.len();
    let Some((capacity, body)) = block(&lines, all, "capacity", 0)? else {
        let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Some(format!("{text}{end}{gap}{}", capacity_yaml(service, measured)));
    };
    let step = indent_within(&lines, body.clone()).unwrap_or(2);
    match block(&lines, body, "services", step)? {
        None => insert(&mut lines, capacity + 1, section(service, measured, step, 0)),
        Some((services, body)) => {
            let inner = indent_within(&lines, body.clone()).unwrap_or(2 * step);
            match block(&lines, body, service, inner)? {
                None => insert(&mut lines, services + 1, section(service, measured, inner - step, 1)),
                Some((at, body)) => {
                    let indent = indent_within(&lines, body.clone()).unwrap_or(inner + step);
                    fields(&mut lines, at, body, indent, measured)?;
                }
            }
        }
    }
    Some(lines.join("\n") + "\n")
}

/// The lines below `capacity:` (`skip` 0) or below `services:` (1), indented from `step`.
fn section(service: &str, measured: &Measured, step: usize, skip: usize) -> Vec<String> {
    let base = if skip == 0 { step } else { step * 2 };
    let all = capacity_yaml(service, measured);
    let shift = |line: &str| {
        let depth = (line.len() - line.trim_start().len()) / 2 - 1 - skip;
        format!("{}{}", " ".repeat(base.max(1) + depth * 2), line.trim_start())
    };
    all.lines().skip(1 + skip).map(shift).collect()
}

/// Replaces or adds the measured fields of one service.
fn fields(lines: &mut Vec<String>, at: usize, body: std::ops::Range<usize>, indent: usize, measured: &Measured) -> Option<()> {
    let mut added = Vec::new();
    for (name, value) in measured.fields() {
        match block(lines, body.clone(), name, indent) {
            Some(None) => added.push(format!("{}{name}: {value}", " ".repeat(indent))),
            // A value on its own line, or on lines of its own below.
            Some(Some((_, below))) if !below.is_empty() => return None,
            _ => {
                let line = body.clone().find(|&i| key(&lines[i]) == Some((indent, name)))?;
                let comment = lines[line].find(" #").map(|i| format!(" {}", lines[line][i..].trim_start())).unwrap_or_default();
                lines[line] = format!("{}{name}: {value}{comment}", " ".repeat(indent));
            }
        }
    }
    insert(lines, at + 1, added);
    Some(())
}

fn insert(lines: &mut Vec<String>, at: usize, added: Vec<String>) {
    lines.splice(at..at, added);
}

/// A key at an indentation: its line and the lines below it. `Some(None)` where there is none, `None` where it is not a block.
fn block(
    lines: &[String],
    within: std::ops::Range<usize>,
    name: &str,
    indent: usize,
) -> Option<Option<(usize, std::ops::Range<usize>)>> {
    let end = within.end;
    let mut found = within.filter(|&i| key(&lines[i]) == Some((indent, name)));
    let Some(at) = found.next() else { return Some(None) };
    let after = lines[at].split_once(':').map_or("", |(_, rest)| rest).trim();
    if found.next().is_some() || !(after.is_empty() || after.starts_with('#')) {
        return None;
    }
    let below =
        (at + 1..end).take_while(|&i| blank(&lines[i]) || depth(&lines[i]) > indent).last().map_or(at + 1, |last| last + 1);
    Some(Some((at, at + 1..below)))
}

/// Indentation and name of a plain `key:` line.
fn key(line: &str) -> Option<(usize, &str)> {
    let (name, rest) = line.trim_start().split_once(':')?;
    let plain = !blank(line) && !line.contains('\t') && !name.is_empty() && (rest.is_empty() || rest.starts_with(' '));
    plain.then_some((depth(line), name.trim_matches(['"', '\''])))
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn blank(line: &str) -> bool {
    let text = line.trim_start();
    text.is_empty() || text.starts_with('#')
}

/// Indentation of the first line below.
fn indent_within(lines: &[String], body: std::ops::Range<usize>) -> Option<usize> {
    body.map(|i| &lines[i]).find(|l| !blank(l)).map(|l| depth(l))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let measured = Measured { throughput_per_replica: Some(42.0), service_time: Some((150.0, 0.5)), start_up_ms: None };
        expected.assert_eq(&edited(text, "api", &measured).unwrap_or_else(|| "not understood\n".to_owned()));
    }

    #[test]
    fn adds_the_section_where_there_is_none() {
        check(
            "",
            expect![[r#"
            capacity:
              services:
                api:
                  serviceTime: {mean: 150ms, cv: 0.50}
                  throughputPerReplica: 42
        "#]],
        );
        check(
            "platform: x # mine\n",
            expect![[r#"
            platform: x # mine

            capacity:
              services:
                api:
                  serviceTime: {mean: 150ms, cv: 0.50}
                  throughputPerReplica: 42
        "#]],
        );
    }

    #[test]
    fn replaces_what_was_measured_and_nothing_else() {
        check(
            "platform: x\ncapacity: # measured\n  growth: 3\n  services:\n    web: {}\n    # the api\n    api:\n      throughputPerReplica: 10 # old\n      minReplicas: 3\n\ncost: {}\n",
            expect![[r#"
                platform: x
                capacity: # measured
                  growth: 3
                  services:
                    web: {}
                    # the api
                    api:
                      serviceTime: {mean: 150ms, cv: 0.50}
                      throughputPerReplica: 42 # old
                      minReplicas: 3

                cost: {}
            "#]],
        );
        check(
            "capacity:\n  services:\n    web:\n      minReplicas: 1\n",
            expect![[r#"
            capacity:
              services:
                api:
                  serviceTime: {mean: 150ms, cv: 0.50}
                  throughputPerReplica: 42
                web:
                  minReplicas: 1
        "#]],
        );
        check(
            "capacity:\n  months: 6\ncost: 1\n",
            expect![[r#"
            capacity:
              services:
                api:
                  serviceTime: {mean: 150ms, cv: 0.50}
                  throughputPerReplica: 42
              months: 6
            cost: 1
        "#]],
        );
    }

    #[test]
    fn keeps_line_ends() {
        let measured = Measured { throughput_per_replica: Some(42.0), ..Measured::default() };
        let after = edited("capacity:\r\n  services:\r\n    api:\r\n      minReplicas: 1\r\n", "api", &measured);
        let wanted = "capacity:\r\n  services:\r\n    api:\r\n      throughputPerReplica: 42\r\n      minReplicas: 1\r\n";
        assert_eq!(after.as_deref(), Some(wanted));
    }

    #[test]
    fn leaves_alone_what_it_does_not_understand() {
        check("capacity: {services: {api: {}}}\n", expect!["not understood\n"]);
        check("capacity:\n  services:\n    api: {minReplicas: 3}\n", expect!["not understood\n"]);
        check("capacity:\n  services:\n    api:\n      serviceTime:\n        mean: 1s\n", expect!["not understood\n"]);
    }
}
