//! Modules of the shapes that Lilypad's own have, and what goes wrong with them.

use super::*;
use crate::documents::{Engine, Input, Network, Output, Source};

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What a template writes.
fn written(template: &str, pairs: &[(&str, &str)]) -> Result<String, TemplateError> {
    let spelled = given(pairs).iter().map(|(name, value)| (name.clone(), spelled(value))).collect();
    run::run(&parse::parse(lex::pieces(template)?)?, &spelled)
}

#[track_caller]
fn writes(template: &str, pairs: &[(&str, &str)], expected: &str) {
    assert_eq!(written(template, pairs).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn fails(template: &str, pairs: &[(&str, &str)], expected: &str) {
    let error = written(template, pairs).unwrap_err().to_string();
    assert!(error.contains(expected), "{template}: {error}");
}

#[test]
fn go_templates_as_far_as_modules_use_them() {
    writes("a {{.M}} b", &[("M", "moo")], "a \"moo\" b");
    writes("{{if .M}}{{.M}}{{else}}\"none\"{{end}}", &[], "\"none\"");
    // An input given as nothing is an input.
    writes("{{if .M}}{{.M}}{{else}}\"none\"{{end}}", &[("M", "")], "\"\"");
    writes("{{if .A}}a{{else if .B}}b{{else}}c{{end}}", &[("B", "")], "b");
    writes("{{with .A}}a{{else with .B}}{{.}}{{else}}c{{end}}", &[("B", "x")], "\"x\"");
    writes("{{with .M}}{{.}}{{$.N}}{{end}}", &[("M", "m"), ("N", "n")], "\"m\"\"n\"");
    writes("{{range $k, $v := .}}{{$k}}={{$v}};{{end}}", &[("B", "2"), ("A", "1")], "A=\"1\";B=\"2\";");
    writes("{{range .}}{{.}}{{else}}none{{end}}", &[], "none");
    writes("{{$x := .M}}{{$x = \"y\"}}{{if .M}}{{$x = \"z\"}}{{end}}{{$x}}", &[("M", "")], "z");
    writes("a  {{- /* no\nword */ -}}  b {{ `raw\"` }} {{\"q\\\"\\u0041\\n\"}}", &[], "ab raw\" q\"A\n");
    writes("x {{- 3 -}} y{{-4}}{{1.5}}{{true}}", &[], "x3y-41.5true");
    writes("{{index . \"A B\"}}", &[("A B", "v")], "\"v\"");
    writes("{{or .Seed \"42\"}} {{and .M .Seed \"x\" | not}}", &[("M", "m")], "42 true");
    writes(
        "{{if eq .M \"\\\"fast\\\"\" \"other\"}}f{{end}}{{if ne 1 2}}n{{end}}{{if lt 1 2}}l{{end}}",
        &[("M", "fast")],
        "fnl",
    );
    writes("{{printf \"%s-%d-%q-%v-%%\" \"a\" 7 `b\"` true}}", &[], "a-7-\"b\\\"\"-true-%");
    writes("{{printf \"%s\" (printf \"%q\" .M)}}", &[("M", "x")], "\"\\\"x\\\"\"");
    writes("{{len .M}} {{print \"a\" 1 2 \"c\"}}", &[("M", "moo")], "5 a1 2c");
}

#[test]
fn lilypads_helpers() {
    writes("\"{{ subst \"PROMPT=%s\" .P }}\"", &[("P", "a cat")], "\"PROMPT=a cat\"");
    writes("\"{{ .P | printf \"%s\" | subst \"P=%s, %s\" .Q }}\"", &[("P", "p"), ("Q", "q")], "\"P=q, p\"");
    // js keeps the quotes of the input's spelling, as in Lilypad.
    writes("\"P={{ .P | js }}\"", &[("P", "a")], "\"P=\\\"a\\\"\"");
    let hard = "it's \"q\" \\ <b> & a=b\n\t\u{1}é";
    let filled = written("\"{{ subst \"%s\" .P | js }}\"", &[("P", hard)]).unwrap();
    assert_eq!(serde_json::from_str::<String>(&filled).unwrap(), hard);
    // Without js, an input can't leave the text that it stands in.
    let filled = written("[\"{{ subst \"P=%s\" .P }}\"]", &[("P", "\", \"EVIL=1")]).unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(&filled).unwrap(), ["P=\", \"EVIL=1"]);
    let filled = written("[\"{{ printf \"%s\" (subst \"P=%s\" .P) }}\"]", &[("P", "\", \"EVIL=1")]).unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(&filled).unwrap(), ["P=\", \"EVIL=1"]);
    fails("{{subst \"A=%s\" \"bare\"}}", &[], "line 1: subst takes a format and inputs");
    fails("{{subst \"A=%s %s\" .P}}", &[("P", "p")], "asks for more values");
    fails("{{subst \"A\" .P}}", &[("P", "p")], "asks for fewer values");
    fails("{{subst \"%5s\" .P}}", &[("P", "p")], "%5 is not supported");
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    fails("a\nb {{.Nope}}", &[], "line 2: the input 'Nope' is missing; give it with -i Nope=…");
    fails("{{\n\n subst \"%s\" .Nope}}", &[], "line 3: the input 'Nope' is missing");
    fails("{{if eq .Mode \"fast\"}}{{end}}", &[], "the input 'Mode' is missing");
    fails(
        "\n{{frobnicate .M}}",
        &[("M", "")],
        "line 2: there is no function 'frobnicate'; there are subst, js",
    );
    fails("\n\n{{if .A}}", &[], "line 3: this block has no {{end}}");
    fails("{{if .A}}{{else}}{{else}}{{end}}", &[], "a second {{else}}");
    fails("{{if .A}}{{else with .B}}{{end}}", &[], "else if continues an if");
    fails("x{{end}}", &[], "this {{end}} ends nothing");
    fails("x{{else}}", &[], "belongs to nothing");
    fails("{{", &[], "the template ends within {{ }}");
    fails("{{.A", &[], "the template ends within {{ }}");
    fails("{{/* a", &[], "this comment has no */");
    fails("{{\"a}}", &[], "this \" has no end");
    fails("{{\"a\n\"}}", &[], "ends on its line");
    fails("{{`a}}", &[], "this ` has no end");
    fails("{{}}", &[], "a value is missing here");
    fails("{{.A | }}", &[("A", "")], "a value is missing here");
    fails("{{(.A}}", &[("A", "")], "this ( has no )");
    fails("{{.A)}}", &[("A", "")], "this ) closes nothing");
    fails("{{.A .B}}", &[("A", ""), ("B", "")], "only a function can be given values");
    fails("{{.A | .B}}", &[("A", ""), ("B", "")], "only a function can be given values");
    fails("{{.A.B}}", &[("A", "")], "text has no field 'B'");
    fails("{{.}}", &[], "the inputs can't be written");
    fails("{{nil}}", &[], "nil can't be written");
    fails("{{$x}}", &[], "no variable $x");
    fails("{{$x = 1}}", &[], "no variable $x");
    fails("{{range .M}}{{end}}", &[("M", "")], "range goes over the inputs");
    fails("{{template \"x\"}}", &[], "{{template …}} is not supported in modules");
    fails("{{\"\\z\"}}", &[], "no escape");
    fails("{{0x}}", &[], "no number");
    fails("{{.A & .B}}", &[], "'&' means nothing here");
    fails(&"{{if .A}}".repeat(40), &[], "more than 32 blocks");
    fails(&format!("{{{{{}1{}}}}}", "(".repeat(40), ")".repeat(40)), &[], "more than 32 brackets");
    let ranges = format!("{}x{}", "{{range $}}".repeat(6), "{{end}}".repeat(6));
    let many: Vec<(String, String)> = (0..20).map(|n| (format!("I{n}"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fails(&ranges, &many, "writes without end");
}

/// As cowsay: an input that stands as an argument.
#[test]
fn an_argument_from_an_input() {
    let template = r#"{
  "machine": { "gpu": 0, "cpu": 1000, "ram": 100 },
  "job": { "APIVersion": "V1beta1", "Spec": {
    "Deal": { "Concurrency": 1 },
    "Docker": { "Entrypoint": ["/bin/say", {{if .Message}}{{.Message}}{{else}}"give me a Message"{{end}}], "Image": "say:1" },
    "Engine": "Docker", "Network": { "Type": "None" }, "PublisherSpec": { "Type": "IPFS" },
    "Resources": { "GPU": "" }, "Timeout": 1800, "Verifier": "Noop"
  } } }"#;
    let plan = render(template, &given(&[("Message", "it's <\"moo\">"), ("Mesage", "typo")])).unwrap();
    let Engine::Docker { image, entrypoint, parameters, working_dir: None } = &plan.engine else {
        panic!("{plan:?}")
    };
    assert_eq!(
        (image.as_str(), entrypoint.as_slice()),
        ("say:1", ["/bin/say".to_owned(), "it's <\"moo\">".to_owned()].as_slice())
    );
    assert!(parameters.is_empty());
    assert_eq!((plan.replicas, plan.network, plan.timeout_s), (1, Network::None, Some(1800)));
    assert_eq!(plan.resources.cpu_millis, Some(1000));
    assert_eq!((plan.resources.memory_bytes, plan.resources.gpus), (None, Some(0)));
    let warnings = plan.warnings.join("\n");
    assert!(warnings.contains("doesn't use the input 'Mesage'; it uses Message"), "{warnings}");
    assert!(warnings.contains("job.Spec.PublisherSpec: left out"), "{warnings}");
    assert_eq!(plan.resources.machine_memory_bytes, Some(100 << 20));
    let Engine::Docker { entrypoint, .. } = render(template, &given(&[])).unwrap().engine else { panic!() };
    assert_eq!(entrypoint[1], "give me a Message");
    assert_eq!(inputs(template), Ok(Some(["Message".to_owned()].into())));
}

/// As sdxl-pipeline and ollama-pipeline: variables by `subst` with their commas, an empty `Docker` and `Wasm` beside
/// the `EngineSpec`, a GPU.
#[test]
fn variables_from_inputs() {
    let template = r#"{
    "machine": { "gpu": 1, "gpus": [{ "vram": 24000 }], "cpu": 2000, "ram": 8000 },
    "job": { "APIVersion": "V1beta1",
      "Metadata": { "CreatedAt": "0001-01-01T00:00:00Z", "Requester": {} },
      "Spec": {
        "Deal": { "Concurrency": 2 }, "Docker": {},
        "EngineSpec": { "Type": "docker", "Params": {
            "Entrypoint": null,
            "EnvironmentVariables": [
                {{ if .Prompt }}"{{ subst "PROMPT=%s" .Prompt }}",{{ end }}
                {{ if .Seed }}"{{ subst "SEED=%s" .Seed }}",{{ end }}
                {{ if .Voice }}"VOICE={{ .Voice | js }}"{{ else }}"VOICE=john"{{ end }},
                "OFFLINE=1"
            ],
            "Image": "pictures:1", "Parameters": [ ], "WorkingDirectory": "" } },
        "Network": { "Type": "None" },
        "Outputs": [ { "Name": "outputs", "Path": "/outputs" } ],
        "PublisherSpec": { "Type": "ipfs" },
        "Resources": { "GPU": "1", "Memory": "16Gb" }, "Timeout": 1800,
        "Language": { "JobContext": {} }, "Wasm": { "EntryModule": {} }
    } } }"#;
    let plan = render(template, &given(&[("Prompt", "a \"cat\"\n"), ("Voice", "ann")])).unwrap();
    let env: Vec<_> = plan.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["OFFLINE=1", "PROMPT=a \"cat\"\n", "VOICE=\"ann\""]);
    assert_eq!(plan.replicas, 2);
    assert_eq!(plan.outputs, [Output { name: "outputs".into(), path: "/outputs".into() }]);
    let resources = plan.resources;
    assert_eq!((resources.gpus, resources.gpu_memory_mib), (Some(1), Some(24_000)));
    // The larger of the two, in the units of that version.
    assert_eq!((resources.memory_bytes, resources.cpu_millis), (Some(16 << 30), Some(2000)));
}

/// As duckdb and fastchat: a bare job, inputs by address, commas before closing brackets.
#[test]
fn a_bare_job_with_trailing_commas() {
    let template = r#"{
    "APIVersion": "V1beta1",
    "Spec": {
        "Engine": "Docker", "Verifier": "Noop", "Publisher": "Estuary",
        "Docker": { "Image": "db:1", "Entrypoint": ["./db", "-s", {{.Query}},], },
        "inputs": [ { "StorageSource": "IPFS", "Name": "inputs", "CID": {{.InputsCID}}, "path": "/inputs" },
        ],
        "outputs": [ { "StorageSource": "IPFS", "Name": "outputs", "path": "/outputs" } ],
        "Deal": { "Concurrency": 1 },
    },
}"#;
    let plan = render(template, &given(&[("Query", "select ',]' , 1"), ("InputsCID", "bafy")])).unwrap();
    let Engine::Docker { entrypoint, .. } = &plan.engine else { panic!("{plan:?}") };
    assert_eq!(entrypoint.join(" "), "./db -s select ',]' , 1");
    let input = Input {
        alias: "inputs".into(),
        target: "/inputs".into(),
        source: Source::Ipfs { cid: "bafy".into() },
    };
    assert_eq!(plan.inputs, [input]);
    assert!(plan.warnings[0].contains("5 comma(s)"), "{:?}", plan.warnings);
    assert!(plan.warnings[1].contains("no machine and job around"), "{:?}", plan.warnings);
    let error = render(template, &given(&[("Query", "select 1")])).unwrap_err();
    assert_eq!(error, TemplateError::Missing { line: 6, name: "InputsCID".into() });
}

/// As the wasm module.
#[test]
fn a_module_of_webassembly() {
    let template = r#"{ "APIVersion": "V1beta1", "Spec": { "Engine": "Wasm",
        "Wasm": { "EntryModule": { "CID": {{.WasmCID}}, "StorageSource": "IPFS" }, "EntryPoint": {{.WasmEntrypoint}} } } }"#;
    let plan = render(template, &given(&[("WasmCID", "bafy"), ("WasmEntrypoint", "_start")])).unwrap();
    let Engine::Wasm { entry_module, entrypoint, .. } = plan.engine else { panic!() };
    assert_eq!((entry_module, entrypoint.as_deref()), (Source::Ipfs { cid: "bafy".into() }, Some("_start")));
}

/// As deepseek-r1-7b: the whole request as one argument of JSON, `vram` beside `gpu`.
#[test]
fn a_request_in_json() {
    let template = r#"{ "machine": { "gpu": 1, "vram": 6000, "cpu": 8000, "ram": 16000 },
      "job": { "APIVersion": "V1beta1", "Spec": { "Deal": { "Concurrency": 1 },
        "Docker": { "Entrypoint": ["/app/run_model", {{ .request }}], "Image": "model:1" }, "Engine": "Docker",
        "Resources": { "GPU": "1", "CPU": "8", "Memory": "16Gb" } } } }"#;
    let request = r#"{"messages":[{"role":"user","content":"it's \"so\" & <so>"}]}"#;
    let plan = render(template, &given(&[("request", request)])).unwrap();
    let Engine::Docker { entrypoint, .. } = &plan.engine else { panic!("{plan:?}") };
    assert_eq!(entrypoint[1], request);
    assert_eq!(plan.resources.gpu_memory_mib, Some(6000));
}

#[test]
fn what_a_module_can_not_say_is_named() {
    // As one that puts an input's spelling within quotes.
    let error = render("{\"job\": {\"X\": \"A={{.A}}\"}}", &given(&[("A", "1")])).unwrap_err().to_string();
    assert!(error.contains("not JSON: line 1, column 19") && error.contains("{{ .Name | js }}"), "{error}");
    let template = r#"{ "inputFiles": { "required": ["cat.jpg"], "optional": [] }, "machine": { "tpu": 1, "gpu": "1" },
        "colour": 1, "job": { "APIVersion": "V1beta1", "Spec": { "Engine": "Docker", "Docker": { "Image": "i" },
        "output": [ { "Name": "o", "Path": "/o" } ],
        "inputs": [ { "StorageSource": "S3", "S3": { "Bucket": "b" }, "path": "/i" } ] } } }"#;
    let TemplateError::Module(error) = render(template, &given(&[])).unwrap_err() else { panic!() };
    let found: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
    let expected = [
        "inputFiles.required: the module needs files beside its inputs (cat.jpg), which is not supported",
        "machine.gpu: expected a number, found text",
        "machine.tpu: no such field; did you mean cpu?",
        "colour: no such field",
        "job.Spec.Inputs[0].StorageSource: S3 is not supported; give it by IPFS address",
        "job.Spec.output: no such field; did you mean Outputs?",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
    let optional = r#"{ "inputFiles": { "optional": ["a.txt"] }, "executionTimeoutSeconds": 60,
        "job": { "APIVersion": "V1beta1", "Spec": { "Docker": { "Image": "i" }, "Timeout": 600 } } }"#;
    let plan = render(optional, &given(&[])).unwrap();
    assert_eq!(plan.timeout_s, Some(60));
    assert!(plan.warnings[0].starts_with("inputFiles.optional: left out"));
    assert_eq!(
        render(&" ".repeat(TEMPLATE_BYTES_MAX + 1), &given(&[])),
        Err(TemplateError::TooLarge(TEMPLATE_BYTES_MAX + 1))
    );
}
