//! What is no document, what YAML means, and folders packed into documents.

use super::*;
use serde_json::json;
use std::io::Write as _;

#[test]
fn what_is_no_document() {
    refused("", &["the document is empty"]);
    refused("# nothing\n", &["the document is empty"]);
    refused("just text", &["the document is no job"]);
    refused("[1]", &["the document is no job"]);
    refused("a: 1", &["neither Tasks (a v2 job) nor Spec (a v1 job) is here"]);
    refused("a: 1\n---\nb: 2\n", &["line 2: a second document begins here"]);
    refused("a:\n  - b\n c: d\n", &["line 3: "]);
    refused("{\"Type\": \"batch\",\n \"Tasks\": [}", &["line 2: "]);
    refused("a: !secret x", &["line 1: tags (!…) mean nothing here"]);
    refused("a: .inf", &["line 1: infinity"]);
    refused("? [a]\n: b", &["line 1: a key must be plain text"]);
    refused(&format!("a: {}", "[".repeat(100)), &["line 1: "]);
    refused("a: &a [*a]", &["line 1: "]);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(1..9).fold(String::new(), |text, n| {
            let (name, from) = (char::from(b'a' + n), char::from(b'a' + n - 1));
            text + &format!("{name}: &{name} [{}]\n", vec![format!("*{from}"); 10].join(","))
        });
    let error = parse(bomb.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("too much"), "{error}");
    assert_eq!(
        parse(&[b'a', b'\n', 0xff]).unwrap_err(),
        DocumentError::Syntax { line: 2, reason: "this is not UTF-8 text".into() }
    );
    assert_eq!(
        parse(&vec![b' '; DOCUMENT_BYTES_MAX + 1]),
        Err(DocumentError::TooLarge(DOCUMENT_BYTES_MAX + 1))
    );
}

#[test]
fn yaml_is_what_bacalhaus_library_makes_of_it() {
    let document = r#"
base: &base {a: 1, b: 2}
merged: {<<: *base, b: 3}
many: {<<: [*base, {c: 4, a: 5}]}
numbers: [0x10, 0o17, 0b11, 017, 1_000, -5, +6, 1.5, 1e3, .5, 99999999999999999999, 08, 1_0.5, -0x10, +.5, 1., 1_, 1e-3]
words: [yes, No, on, y, n, null, ~, '', "1", 1.2.3, 2001-01-01, 1h, -c, 0x, 12:30, !!str 5, !!int "5", nan, inf, .5.5, +, _1, True, oN, nULL, 1e, 0b12, 0x1p4]
text: |-
  two
  lines
"#;
    let Node::Fields(entries) = tree(document.as_bytes()).unwrap() else { panic!() };
    let get = |name: &str| -> serde_json::Value {
        fn value(node: &Node) -> serde_json::Value {
            match node {
                Node::Null => serde_json::Value::Null,
                Node::Bool(value) => json!(value),
                Node::Number(number) => number.clone().into(),
                Node::Text(text) => json!(text),
                Node::List(items) => items.iter().map(value).collect(),
                Node::Fields(fields) => serde_json::Value::Object(
                    fields.iter().map(|(key, node)| (key.clone(), value(node))).collect(),
                ),
            }
        }
        value(&entries.iter().find(|(key, _)| key == name).unwrap().1)
    };
    assert_eq!(get("merged"), json!({"a": 1, "b": 3}));
    assert_eq!(get("many"), json!({"a": 1, "b": 2, "c": 4}));
    let numbers =
        json!([16, 15, 3, 15, 1000, -5, 6, 1.5, 1000.0, 0.5, 1e20, 8.0, 10.5, -16, 0.5, 1.0, 1, 0.001]);
    assert_eq!(get("numbers"), numbers);
    let words = json!([
        true,
        false,
        true,
        true,
        false,
        null,
        null,
        "",
        "1",
        "1.2.3",
        "2001-01-01",
        "1h",
        "-c",
        "0x",
        "12:30",
        "5",
        5,
        "nan",
        "inf",
        ".5.5",
        "+",
        "_1",
        true,
        "oN",
        "nULL",
        "1e",
        "0b12",
        "0x1p4"
    ]);
    assert_eq!(get("words"), words);
    assert_eq!(get("text"), json!("two\nlines"));
}

fn packed(build: impl FnOnce(&mut tar::Builder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut builder = tar::Builder::new(&mut bytes);
    build(&mut builder);
    builder.finish().unwrap();
    drop(builder);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap()
}

fn header(kind: tar::EntryType, size: u64, mode: u32, name: &str) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    // By hand, because the library would refuse the names that a stranger may send.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    header
}

#[test]
fn packed_folders_unpack_and_lead_nowhere_else() {
    let folder = packed(|tar| {
        tar.append(&header(tar::EntryType::Directory, 0, 0o755, "./"), &[][..]).unwrap();
        tar.append(&header(tar::EntryType::Directory, 0, 0o755, "d/"), &[][..]).unwrap();
        tar.append(&header(tar::EntryType::Regular, 2, 0o644, "./d/a"), &b"hi"[..]).unwrap();
        tar.append(&header(tar::EntryType::Regular, 3, 0o755, "deep/er/run"), &b"#!x"[..]).unwrap();
    });
    let file = |bytes: &[u8], is_executable| Unpacked::File { bytes: bytes.to_vec(), is_executable };
    let expected: BTreeMap<String, Unpacked> = [
        ("d", Unpacked::Folder),
        ("d/a", file(b"hi", false)),
        ("deep", Unpacked::Folder),
        ("deep/er", Unpacked::Folder),
        ("deep/er/run", file(b"#!x", true)),
    ]
    .map(|(path, value)| (path.to_owned(), value))
    .into();
    assert_eq!(unpack(&folder, 5), Ok(expected));
    assert_eq!(unpack(&folder, 4), Err("this archive unpacks to more than 4 bytes".into()));
    let url = inline::encode(&folder, true);
    assert_eq!(inline::decode(&url), Ok((folder, true)));

    for (name, kind) in [("../a", "out of it"), ("/a", "out of it"), ("a/../../b", "out of it")] {
        let bad =
            packed(|tar| tar.append(&header(tar::EntryType::Regular, 1, 0o644, name), &b"x"[..]).unwrap());
        assert!(unpack(&bad, 9).unwrap_err().contains(kind), "{name}");
    }
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Char, tar::EntryType::Fifo] {
        let bad = packed(|tar| tar.append(&header(kind, 0, 0o644, "a"), &[][..]).unwrap());
        assert!(unpack(&bad, 9).unwrap_err().contains("neither a file nor a folder"), "{kind:?}");
    }
    let both = packed(|tar| {
        tar.append(&header(tar::EntryType::Regular, 1, 0o644, "a"), &b"x"[..]).unwrap();
        tar.append(&header(tar::EntryType::Regular, 1, 0o644, "a/b"), &b"x"[..]).unwrap();
    });
    assert!(unpack(&both, 9).unwrap_err().contains("both a file and a folder"));
    assert!(unpack(b"no archive", 9).is_err());
}
