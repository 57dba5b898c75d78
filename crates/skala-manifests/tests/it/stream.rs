//! Streams: where documents begin and end, and what happens behind a broken one.

use std::io::BufReader;

use proptest::prelude::*;
use skala_manifests::decide::{Answer, Documents, decide};

/// Per document: its `now`, or `!` with the line of what is wrong.
fn read(text: &str) -> Vec<String> {
    read_bytes(text.as_bytes(), 1 << 20)
}

fn read_bytes(text: &[u8], limit: usize) -> Vec<String> {
    // A tiny buffer, so that every end of a line falls on every place of it.
    let documents = Documents::bounded(BufReader::with_capacity(7, text), limit);
    documents
        .map(|d| match d {
            Ok(document) => match document.refused {
                Some(error) => format!("!{}", error.line.unwrap()),
                None => document.now.map_or("-".to_owned(), |now| now.to_string()[17..19].to_owned()),
            },
            Err(error) => format!("!{}", error.line.unwrap()),
        })
        .collect()
}

fn doc(second: u32) -> String {
    format!("{{\"now\":\"2026-11-20T10:00:{second:02}Z\",\"pods\":[{{}}]}}")
}

fn pretty(second: u32) -> String {
    format!("{{\n  \"now\": \"2026-11-20T10:00:{second:02}Z\",\n  \"pods\": [\n    {{\n    }}\n  ]\n}}")
}

#[test]
fn json_in_every_arrangement() {
    let (a, b, c) = (doc(1), doc(2), doc(3));
    let all = ["01", "02", "03"];
    for text in [
        format!("{a}\n{b}\n{c}\n"),
        format!("{a}\n\n  {b}\r\n{c}"),
        format!("{a}{b}{c}"),
        format!("{a} {b}\n{c}"),
        format!("[{a},{b},{c}]"),
        format!("[\n{a},\n{b}\n,{c}\n]\n"),
        format!("\u{feff}{a}\n{b}\n{c}\n"),
        format!("{a}\n---\n{b}\n---\n{c}\n"),
        format!("\x1e{a}\n\x1e{b}\n\x1e{c}\n"),
        format!("{}\n{}{}\n", pretty(1), pretty(2), pretty(3)),
        format!("[{},\n {}, {c}]", pretty(1), pretty(2)),
    ] {
        assert_eq!(read(&text), all, "{text}");
    }
    assert_eq!(read(""), Vec::<String>::new());
    assert_eq!(read(" \n\n"), Vec::<String>::new());
}

#[test]
fn objects_at_the_start_of_a_line_belong_to_their_document() {
    let text = "{\"now\":\"2026-11-20T10:00:01Z\",\"pods\":[\n{\"metadata\":{}},\n{\"metadata\":{}}\n]}\n".to_owned() + &doc(2);
    assert_eq!(read(&text), ["01", "02"]);
}

#[test]
fn a_broken_document_does_not_take_the_next_along() {
    let next = doc(2);
    for broken in [
        "{\"now\": NaN}",
        "{\"now\": 1]}",
        "{\"now\": \"x",
        "{\"now\": {\"a\": 1}",
        "{\"now\": [1, 2",
        "{\"pods\": [{},",
        "hello",
        "}}",
        "{\"now\":\"\\u12\"}",
    ] {
        let text = format!("{}\n{broken}\n{next}\n{next}\n", doc(1));
        let found = read(&text);
        assert_eq!((found.first().unwrap().as_str(), found[1].as_str()), ("01", "!2"), "{broken}: {found:?}");
        assert_eq!(found[found.len() - 2..], ["02", "02"], "{broken}: {found:?}");
        assert!(found.len() <= 5, "{broken}: {found:?}");
    }
    let torn = format!("{}\n{next}\n", pretty(1).replace("[\n", "[]\n"));
    assert_eq!(read(&torn), ["!4", "02"], "one error for one document");
}

#[test]
fn yaml_documents() {
    let text = "# first\nnow: 2026-11-20T10:00:01Z\npods: [{}]\n---\nnow: 2026-11-20T10:00:02Z\n--- # third\nnow: 2026-11-20T10:00:03Z\n...\n---\n";
    assert_eq!(read(text), ["01", "02", "03"]);
    let broken =
        "---\nnow: 2026-11-20T10:00:01Z\nnow: 2026-11-20T10:00:02Z\n---\npods: [\n---\npods: 7\n---\nnow: 2026-11-20T10:00:03Z\n";
    assert_eq!(read(broken), ["!3", "!5", "!7", "03"]);
    assert_eq!(read_bytes(b"now: \xff\n---\nnow: 2026-11-20T10:00:03Z\n", 1000), ["!1", "03"]);
    assert_eq!(read("%YAML 1.2\n---\nnow: 2026-11-20T10:00:01Z\n"), ["01"]);
}

#[test]
fn json_behind_text_that_is_none() {
    let (a, b) = (doc(1), doc(2));
    assert_eq!(read(&format!("hello\n{a}\n{b}\n")), ["!1", "01", "02"]);
    assert_eq!(read(&format!("a: [\n{}\n{b}\n", pretty(1))), ["!1", "01", "02"]);
    assert_eq!(read(&format!("now: 2026-11-20T10:00:03Z\n{a}\n")), ["03", "01"]);
    let garbage = [b"\x80\xff\x00\n\x01".as_slice(), b"\n", a.as_bytes(), b"\n"].concat();
    assert_eq!(read_bytes(&garbage, 1000), ["!1", "01"]);
    // A flow that begins a document may have its braces where it likes.
    assert_eq!(read(&format!("# a comment\n{{now: 2026-11-20T10:00:03Z,\n\"pods\":\n[\n{{}}]}}\n---\n{b}\n")), ["03", "02"]);
}

#[test]
fn an_unreadable_document_still_has_a_size() {
    let scale = "\"scale\": {\"specReplicas\": 5, \"selector\": \"a=b\"}";
    let history = "\"history\": {\"recommendations\": [{\"at\": \"2026-11-20T10:00:00Z\", \"replicas\": 7}]}";
    for (text, replicas) in [
        (format!("{{\"now\": 7, {scale}, {history}}}"), Some(5)),
        (format!("{{\"hpa\": {{\"spec\": {{\"maxReplicas\": 9223372036854775808}}}}, {scale}, {history}}}"), Some(5)),
        (
            format!(
                "---\nnow: yesterday\n{}: 5, selector: a=b}}\nhistory: {{recommendations: [{{at: 2026-11-20T10:00:00Z, replicas: 7}}]}}\n",
                "scale: {specReplicas"
            ),
            Some(5),
        ),
        (format!("{{\"now\": 7, {}}}", scale.replace('5', "5e9")), None),
        (format!("{{\"now\": 7, {scale}, {scale}}}"), None),
        (format!("{{\"now\": 1e999, {scale}, {history}}}"), Some(5)),
        (format!("{{\"now\": NaN, {scale}}}"), None),
    ] {
        let documents: Vec<_> = Documents::new(text.as_bytes()).collect();
        assert_eq!(documents.len(), 1, "{text}");
        let answer = match &documents[0] {
            Ok(document) => decide(document, None),
            Err(error) => Answer::from(error.clone()),
        };
        assert!(answer.error.is_some() && !answer.rescale, "{text}: {answer:?}");
        assert_eq!((answer.desired_replicas, answer.current_replicas), (replicas, replicas), "{text}");
        assert_eq!(answer.history.is_some_and(|h| h.recommendations[0].replicas == 7), replicas.is_some(), "{text}");
    }
}

#[test]
fn documents_are_bounded() {
    let long = format!("{{\"unavailable\":[\"{}\"]}}\n{}\n", "x".repeat(500), doc(2));
    assert_eq!(read_bytes(long.as_bytes(), 200), ["!1", "02"]);
    let many = format!("{{\"unavailable\":[\n{}]}}\n", "\"x\",\n".repeat(500));
    assert_eq!(read_bytes(many.as_bytes(), 200), ["!1"]);
    let deep = format!("{}\n{}\n", "{\"a\":".repeat(100_000), doc(2));
    assert_eq!(read(&deep), ["!1", "02"]);
}

#[test]
fn a_reader_that_fails_ends_the_stream() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let found: Vec<_> = Documents::new(BufReader::new(Failing)).collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].as_ref().unwrap_err().message.contains("gone"));
}

proptest! {
    #[test]
    fn no_text_panics_or_hangs(text in "[\\[\\]{}\",:a1 \\-\\n\\\\]{0,200}") {
        let found = read(&text);
        prop_assert!(found.len() <= text.len() + 1);
    }

    #[test]
    fn what_is_between_broken_ones_is_found(broken in "[{\\[\",:a ]{1,12}[^\\PC{}\\[\\]\",]", n in 1_usize..4) {
        let text = format!("{}\n{}", doc(1), format!("{broken}\n{}\n", doc(2)).repeat(n));
        let found = read(&text);
        prop_assert_eq!(found.iter().filter(|f| *f == "02").count(), n, "{:?}: {:?}", text, found);
    }
}
