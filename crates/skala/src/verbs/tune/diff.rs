//! Two texts as a unified diff, as `diff -u` and `patch` have it.
//!
//! Method: what both begin and end with is left aside; in between the longest common subsequence of lines.
//! Tested: `tests` below; `tests/e2e/tune.rs` (`patch` applies it).

use std::fmt::Write as _;

/// Lines of context around a change.
const CONTEXT: usize = 3;
/// Most cells of the table of the longest common subsequence; beyond, all lines in between are replaced.
const CELLS: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Same,
    Gone,
    New,
}

/// The diff from `old` to `new`, both called `name`; empty when they are equal.
pub fn unified(name: &str, old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let lines = lines(&a, &b);
    let changed: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].0 != Kind::Same).collect();
    let (Some(first), false) = (changed.first(), old == new) else { return String::new() };
    let mut out = format!("--- {name}\n+++ {name}\n");
    let (mut from, mut to) = (first.saturating_sub(CONTEXT), first + CONTEXT + 1);
    for at in changed.iter().skip(1) {
        if at.saturating_sub(CONTEXT) > to {
            hunk(&mut out, &lines, from, to);
            from = at - CONTEXT;
        }
        to = at + CONTEXT + 1;
    }
    hunk(&mut out, &lines, from, to);
    out
}

fn hunk(out: &mut String, lines: &[(Kind, &str)], from: usize, to: usize) {
    let part = &lines[from..to.min(lines.len())];
    let count = |part: &[(Kind, &str)], not: Kind| part.iter().filter(|(k, _)| *k != not).count();
    let place = |not: Kind| {
        let (before, length) = (count(&lines[..from], not), count(part, not));
        format!("{},{length}", if length == 0 { before } else { before + 1 })
    };
    let _ = writeln!(out, "@@ -{} +{} @@", place(Kind::New), place(Kind::Gone));
    for (kind, line) in part {
        let mark = match kind {
            Kind::Same => ' ',
            Kind::Gone => '-',
            Kind::New => '+',
        };
        let _ = write!(out, "{mark}{line}");
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

fn lines<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<(Kind, &'a str)> {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    let (old, new) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let same = |lines: &[&'a str]| lines.iter().map(|l| (Kind::Same, *l)).collect::<Vec<_>>();
    [same(&a[..head]), middle(old, new), same(&a[a.len() - tail..])].concat()
}

fn middle<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<(Kind, &'a str)> {
    let gone = |i: usize| (Kind::Gone, a[i]);
    let new = |j: usize| (Kind::New, b[j]);
    let width = b.len() + 1;
    if (a.len() + 1).saturating_mul(width) > CELLS {
        return (0..a.len()).map(gone).chain((0..b.len()).map(new)).collect();
    }
    let mut common = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = if a[i] == b[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            out.push((Kind::Same, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < a.len() && (j == b.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            out.push(gone(i));
            i += 1;
        } else {
            out.push(new(j));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn changes_come_with_their_context() {
        let old: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let new = old.replace("line 3\n", "line three\n").replace("line 16\n", "").replace("line 20\n", "line 20\nend");
        expect![[r#"
            --- f
            +++ f
            @@ -1,6 +1,6 @@
             line 1
             line 2
            -line 3
            +line three
             line 4
             line 5
             line 6
            @@ -13,8 +13,8 @@
             line 13
             line 14
             line 15
            -line 16
             line 17
             line 18
             line 19
             line 20
            +end
            \ No newline at end of file
        "#]]
        .assert_eq(&unified("f", &old, &new));
        assert_eq!(unified("f", &old, &old), "");
    }
}
