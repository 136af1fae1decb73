//! The whole module in a small world, and against the shell's own tools.

use std::{path::Path, process::Command};

use lilypad_guest::{
    input,
    testing::{Run, World},
};

use super::*;

fn run(world: World, json: &str) -> Run<Result<(), WordcountError>> {
    let input: Input = input::parse(json.as_bytes()).unwrap();
    world.run(|| wordcount(input)).unwrap()
}

/// The counts as the shell makes them: `count<TAB>word` by descending count, then word.
fn counts_of_the_shell(folder: &Path) -> String {
    let script = r#"find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | tr -cs 'A-Za-z' '\n' | tr 'A-Z' 'a-z' |
        sort | uniq -c | awk 'NF == 2 { print $1 "\t" $2 }' | sort -t "$(printf '\t')" -k1,1nr -k2,2"#;
    let output =
        Command::new("sh").args(["-c", script]).env("LC_ALL", "C").current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_folder_is_counted() {
    let world = World::new()
        .unwrap()
        .file("b.txt", "The cat. The end.\n")
        .file("a/deep/one.txt", "the cat sat\n")
        .file("empty", "");
    let run = run(world, "");
    run.answer.unwrap();
    assert_eq!(run.outputs.keys().collect::<Vec<_>>(), ["counts.tsv", "files.tsv"]);
    assert_eq!(run.outputs["counts.tsv"], b"3\tthe\n2\tcat\n1\tend\n1\tsat\n");
    assert_eq!(run.outputs["files.tsv"], b"12\t3\ta/deep/one.txt\n18\t4\tb.txt\n0\t0\tempty\n");
    assert_eq!(run.journal, br#"{"files":3,"bytes":30,"words":7,"distinct":4}"#);
}

#[test]
fn options_change_what_is_counted() {
    let world = || World::new().unwrap().file("a", "a bb ccc ccc");
    let filtered = run(world(), r#"{"min_length": 2}"#);
    assert_eq!(filtered.outputs["counts.tsv"], b"2\tccc\n1\tbb\n");
    assert_eq!(filtered.outputs["files.tsv"], b"12\t3\ta\n");
    assert_eq!(filtered.journal, br#"{"files":1,"bytes":12,"words":3,"distinct":2}"#);
    // `top` is about stdout only.
    assert_eq!(run(world(), r#"{"top": 0}"#).outputs, run(world(), "{}").outputs);
}

#[test]
fn no_files_is_a_count_of_nothing() {
    let run = run(World::new().unwrap(), "");
    run.answer.unwrap();
    assert_eq!(run.outputs["counts.tsv"], b"");
    assert_eq!(run.journal, br#"{"files":0,"bytes":0,"words":0,"distinct":0}"#);
}

#[test]
fn a_missing_input_folder_is_the_jobs_own_error() {
    let run = run(World::new().unwrap().input_dir("/no/such/folder"), "");
    let error = run.answer.unwrap_err().to_string();
    assert!(error.starts_with("/no/such/folder can't be read; give the job"), "{error}");
}

#[test]
fn counts_equal_those_of_the_shell_on_hard_bytes() {
    // Every byte value in every neighbourhood of letters, long lines, and no line break where it hurts least.
    let mut all_bytes: Vec<u8> = (0..=255).flat_map(|byte| [b'x', byte, b'Y', b'y', byte]).collect();
    all_bytes.push(b'\n');
    // Words across the edge of a read buffer, at each of its offsets.
    let edge: Vec<u8> =
        (0..40_000).flat_map(|i| format!("word{} ", "abcdefg".repeat(i % 5)).into_bytes()).collect();
    let world = World::new()
        .unwrap()
        .file("all-bytes", all_bytes)
        .file("edge/of buffer", edge)
        .file("latin-1", b"caf\xe9 na\xefve\n")
        .file("utf-8", "Straße, ÉCOLE, ｆｕｌｌ ﬁ, it's e\u{301}t\u{e9}\n")
        .file("starts-with-separator", "\n\n 1. one\n");
    // The shell runs inside too, as the files are gone with their world.
    let run = world.run(|| (wordcount(Input::default()), counts_of_the_shell(&input_dir()))).unwrap();
    let (answer, expected) = run.answer;
    answer.unwrap();
    assert!(expected.contains("8000\tword\n"), "the shell counted nothing: {expected}");
    assert_eq!(String::from_utf8(run.outputs["counts.tsv"].clone()).unwrap(), expected);
}

#[test]
fn counts_equal_those_of_the_shell_on_this_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let run = run(World::new().unwrap().input_dir(folder), "");
    run.answer.unwrap();
    assert_eq!(String::from_utf8(run.outputs["counts.tsv"].clone()).unwrap(), counts_of_the_shell(folder));
}
