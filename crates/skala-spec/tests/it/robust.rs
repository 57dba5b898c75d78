//! No text panics, and places always point into the text.

use proptest::prelude::*;

use crate::load::FULL;
use crate::load_in;

fn survives(text: &str) {
    for environment in [None, Some("staging")] {
        let loaded = load_in(text, environment);
        for problem in &loaded.problems {
            assert!(!["hunter2", "s3cret", "Not A Name"].iter().any(|secret| problem.to_string().contains(secret)), "{problem}");
            let span = problem.span;
            assert!(span.start <= span.end && span.end <= text.len(), "{problem}");
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{problem}");
            assert!(span.line >= 1 && span.column >= 1, "{problem}");
            assert_ne!(problem.code, "E0299", "the schema and the types disagree: {text}");
        }
        assert!(loaded.platform.is_some() || loaded.has_errors(), "refused without a reason: {text}");
    }
}

/// Values of every shape, to put where another shape belongs.
const VALUES: [&str; 15] = [
    "",
    "3",
    "-1",
    "1.5",
    "true",
    "null",
    "[]",
    "[1, [2]]",
    "{}",
    "{file: token.txt}",
    "{a: b}",
    "\"\"",
    "'${NAME}'",
    "'${DB_PASSWORD}'",
    "99999999999999999999",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text(text in "\\PC{0,60}") {
        survives(&text);
    }

    #[test]
    fn any_yaml_like_text(text in "([a-z]{1,3}|[-:?,\\[\\]{}#&*!|>'\"%@` \n\t]){0,40}") {
        survives(&text);
    }

    #[test]
    fn a_good_file_with_a_piece_replaced(start in 0..FULL.len(), len in 0usize..40, piece in "[-:,\\[\\]{}a-z0-9 \n\"$&*!é]{0,6}") {
        let end = (start + len).min(FULL.len());
        survives(&format!("{}{piece}{}", &FULL[..start], &FULL[end..]));
    }

    #[test]
    fn a_good_file_with_another_value(at in 0usize..220, value in 0..VALUES.len()) {
        let colons: Vec<usize> = FULL.match_indices(": ").map(|(i, _)| i + 2).collect();
        let start = colons[at % colons.len()];
        let len = FULL[start..].find([',', '}', ']', '\n']).unwrap();
        survives(&format!("{}{}{}", &FULL[..start], VALUES[value], &FULL[start + len..]));
    }
}

#[test]
fn aliases_cannot_expand_without_end() {
    let mut text = "platform: p\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        text += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", "));
    }
    let loaded = load_in(&text, None);
    assert!(loaded.problems.iter().any(|p| p.code == "E0103"), "{:?}", loaded.problems);
}

#[test]
fn depth_and_size_are_bounded() {
    for text in [
        format!("a: {}", "[".repeat(10_000)),
        format!("a: {}", "{b: ".repeat(200)),
        "- ".repeat(5_000),
        format!("# {}", "x".repeat(2 << 20)),
    ] {
        let loaded = load_in(&text, None);
        assert!(loaded.problems.iter().any(|p| p.code == "E0103"), "{:?}", loaded.problems);
    }
}

/// Bytes and characters differ, and both are right.
#[test]
fn places_count_bytes_and_columns_count_characters() {
    let text = "# ééé\nplatform: p\ncost: {währung: EUR, clé: 1}\nservices: {web: {command: [x, $PORT]}}\n";
    let loaded = load_in(text, None);
    let keys = loaded
        .problems
        .iter()
        .filter(|p| p.code == "E0201")
        .map(|p| (&text[p.span.start..p.span.end], p.span.line, p.span.column));
    assert_eq!(keys.collect::<Vec<_>>(), [("währung", 3, 8), ("clé", 3, 22)]);
}

/// The largest files that are read at all, of the shapes that cost most.
#[test]
fn large_files_end_in_a_moment() {
    let many = |row: &dyn Fn(usize) -> String| (0..3_000).map(row).collect::<String>();
    let texts = [
        format!("platform: p\nservices:\n{}", many(&|i| format!("  s{i}: {{drain: 3}}\n"))),
        format!(
            "platform: p\nservices: {{a: {{command: [x, $PORT]}}}}\nroutes:\n{}",
            many(&|i| format!("- {{service: b{i}}}\n"))
        ),
        many(&|i| format!("key{i}: 1\n")),
    ];
    for text in texts {
        survives(&text);
    }
}
