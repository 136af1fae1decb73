//! What holds for every document and template: keys mean the same in any case, and nothing that a stranger sends panics.

use lilypad_bacalhau::{documents, model::Job, templates};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Values under these names are the owner's, names included.
const OWN_KEYS: [&str; 3] = ["Env", "Meta", "Labels"];

/// Writes every key of a document in another case, letter by letter as `cases` says.
fn recased(value: &Value, cases: &mut impl Iterator<Item = bool>) -> Value {
    match value {
        Value::Object(fields) => {
            let mut other = Map::new();
            for (key, value) in fields {
                let value =
                    if OWN_KEYS.contains(&key.as_str()) { value.clone() } else { recased(value, cases) };
                let upper = |c: char| {
                    if cases.next().unwrap_or_default() {
                        c.to_ascii_uppercase()
                    } else {
                        c.to_ascii_lowercase()
                    }
                };
                other.insert(key.chars().map(upper).collect(), value);
            }
            Value::Object(other)
        }
        Value::Array(items) => items.iter().map(|item| recased(item, cases)).collect(),
        other => other.clone(),
    }
}

fn v2() -> Value {
    json!({"Name": "n", "Type": "batch", "Count": 2, "Labels": {"Key": "v"}, "Meta": {"KEY": "v"}, "Priority": 1,
        "Tasks": [{"Name": "main", "Engine": {"Type": "docker", "Params": {"Image": "i", "Entrypoint": ["e"],
            "Parameters": ["p"], "EnvironmentVariables": ["a=B"], "WorkingDirectory": "/w"}},
        "Env": {"Key": "v", "KEY": "w"}, "Publisher": {"Type": "ipfs"},
        "InputSources": [{"Alias": "A", "Target": "/T", "Source": {"Type": "ipfs", "Params": {"CID": "C"}}},
                         {"Target": "/L", "Source": {"Type": "local", "Params": {"SourcePath": "P", "ReadWrite": true}}}],
        "ResultPaths": [{"Name": "N", "Path": "/P"}], "Network": {"Type": "None"},
        "Resources": {"CPU": "1", "Memory": "1gb", "Disk": "1gb", "GPU": "1"},
        "Timeouts": {"ExecutionTimeout": 5, "QueueTimeout": 1, "TotalTimeout": 9}}]})
}

fn v1() -> Value {
    json!({"APIVersion": "V1beta1", "Spec": {"Engine": "Docker", "Docker": {"Image": "i", "Entrypoint": ["E"],
        "EnvironmentVariables": ["a=B"]}, "Inputs": [{"StorageSource": "IPFS", "CID": "C", "Path": "/I"}],
        "Outputs": [{"Name": "N", "Path": "/O"}], "Resources": {"GPU": "1", "Memory": "1gb"}, "Network": {"Type": "Full"},
        "Timeout": 7, "Annotations": ["X"], "Deal": {"Concurrency": 3}, "Verifier": "External", "Publisher": "S3"}})
}

/// Documents that are wrong in places, so that what is said of them is the same in any case too.
fn wrong() -> Value {
    json!({"Type": "daemon", "Tasks": [{"Engine": {"Type": "docker", "Params": {"Image": 1, "Parameters": "p"}},
        "InputSources": [{"Target": "/a", "Source": {"Type": "s3", "Params": {"Bucket": "b"}}}], "Network": {"Type": "HTTP"}}]})
}

/// Anything shaped like JSON, with names that documents have.
fn like_a_document() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "Name",
            "Type",
            "Tasks",
            "Engine",
            "Params",
            "Image",
            "InputSources",
            "Source",
            "Target",
            "URL",
            "Spec",
            "Docker",
            "Wasm",
            "EntryModule",
            "Inputs",
            "StorageSource",
            "Deal",
            "APIVersion",
            "Env",
            "Resources",
            "CPU",
            "Memory",
            "Network",
            "Timeouts",
            "Timeout",
            "EngineSpec",
            "ResultPaths",
            "Path",
            "Parameters",
            "job",
            "machine",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z]{0,6}",
    ];
    let text = prop_oneof![
        prop::sample::select(vec![
            "batch",
            "docker",
            "wasm",
            "ipfs",
            "inline",
            "local",
            "data:;base64,aGk=",
            "data:,%",
            "1gb",
            "500m",
            "V1beta1",
            "V1beta2",
            "IPFS",
            "http",
            "Full",
            "env:X",
            "/a",
            "A=b",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Eighths, which every reader of decimals reads alike.
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn keys_mean_the_same_in_any_case(cases in prop::collection::vec(any::<bool>(), 64..512)) {
        for document in [v2(), v1(), wrong()] {
            let other = recased(&document, &mut cases.iter().copied().cycle());
            prop_assert_eq!(
                documents::parse(document.to_string().as_bytes()),
                documents::parse(other.to_string().as_bytes()),
            );
        }
    }

    #[test]
    fn yaml_and_json_say_the_same(document in like_a_document()) {
        // JSON within a YAML list is YAML.
        let json = document.to_string();
        let as_yaml = format!("--- {json}\n");
        if matches!(document, Value::Object(_)) && !json.contains("\\u") {
            prop_assert_eq!(documents::parse(json.as_bytes()), documents::parse(as_yaml.as_bytes()));
        }
    }

    #[test]
    fn no_document_panics(document in like_a_document()) {
        let parsed = documents::parse(document.to_string().as_bytes());
        prop_assert_eq!(&parsed, &documents::parse_value(document.clone()));
        if let Ok(plan) = parsed {
            let job = documents::to_job(&plan);
            prop_assert_eq!(documents::from_job(&job).map(|again| again.engine), Ok(plan.engine));
        }
        // What a server is sent may be any JSON, too.
        let _ = serde_json::from_value::<Job>(document);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[ -~\n{}\\[\\]:,&*!|>'\"-]{0,80}") {
        let _ = documents::parse(&bytes);
        let _ = documents::parse(text.as_bytes());
        let _ = documents::unpack(&bytes, 1_000);
    }

    #[test]
    fn no_template_panics(text in "(\\{\\{-? ?|-?\\}\\}|if|else|end|with|range|\\.A|\\$x|:=|=|\\||\\(|\\)|\"|%s|subst|js| |\n|[a-z0-9]|,){0,40}") {
        let inputs: BTreeMap<String, String> = [("A".to_owned(), "b\"\\".to_owned())].into();
        let _ = templates::render(&text, &inputs);
        let _ = templates::inputs(&text);
    }

    /// Whatever the inputs are, they stay within the texts that a template puts them in.
    #[test]
    fn inputs_stay_where_they_are_put(a in any::<String>(), b in any::<String>()) {
        let template = r#"{"job": {"APIVersion": "V1beta1", "Spec": {"Docker": {"Image": "i",
            "Entrypoint": [{{.A}}, "{{ subst "B=%s" .B }}", "{{ subst "C=%s" .A | js }}"]}}}}"#;
        let inputs: BTreeMap<String, String> = [("A".to_owned(), a.clone()), ("B".to_owned(), b.clone())].into();
        let plan = templates::render(template, &inputs).unwrap();
        let documents::Engine::Docker { entrypoint, .. } = plan.engine else { panic!() };
        prop_assert_eq!(entrypoint, [a.clone(), format!("B={b}"), format!("C={a}")]);
    }
}
