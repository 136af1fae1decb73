//! How fast documents and modules become plans, and how much memory the slowest takes.
//!
//! `cargo bench -p lilypad-bacalhau --bench documents` prints a table: per second on one core, the 99th of a hundred,
//! and the most memory that one reading had allocated at once, beside the size of the document.
#![expect(clippy::print_stdout, reason = "the table is this program's result")]
#![expect(clippy::unwrap_used, reason = "a benchmark that can't measure has nothing better to do")]
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use lilypad_bacalhau::{documents, model::PutJobRequest, templates};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::BTreeMap,
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How long each row is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// Counts what is allocated now, and the most that was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const YAML: &str = "\
Name: a job
Type: batch
Count: 1
Tasks:
  - Name: main
    Engine:
      Type: docker
      Params:
        Image: registry.example/tool@sha256:0000000000000000000000000000000000000000000000000000000000000000
        Entrypoint: [/bin/sh, -c]
        Parameters: [\"sort /in/data > /out/sorted\"]
    Env: {LANG: C.UTF-8}
    InputSources:
      - {Alias: data, Target: /in/data, Source: {Type: ipfs, Params: {CID: bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi}}}
    ResultPaths:
      - {Name: out, Path: /out}
    Resources: {CPU: 500m, Memory: 1gb}
    Timeouts: {ExecutionTimeout: 600}
";

const V1: &str = r#"{"APIVersion": "V1beta1", "Spec": {"Engine": "Docker", "Publisher": "IPFS", "Verifier": "Noop",
    "Docker": {"Image": "ubuntu:22.04", "Entrypoint": ["/bin/sh", "-c", "sort /in/data > /out/sorted"]},
    "Inputs": [{"StorageSource": "IPFS", "Name": "data", "CID": "QmeeEB1YMrG6K8z43VdsdoYmQV46gAPQCHotZs9pwusCm9", "Path": "/in"}],
    "Outputs": [{"StorageSource": "IPFS", "Name": "out", "Path": "/out"}],
    "Resources": {"CPU": "1", "Memory": "1gb"}, "Timeout": 1800, "Deal": {"Concurrency": 1}}}"#;

const TEMPLATE: &str = r#"{
  "machine": { "gpu": 1, "gpus": [{ "vram": 24000 }], "cpu": 1000, "ram": 8000 },
  "job": { "APIVersion": "V1beta1", "Spec": {
    "Deal": { "Concurrency": 1 },
    "Docker": { "Image": "pictures:1", "Entrypoint": ["/run", {{if .Message}}{{.Message}}{{else}}"none"{{end}}],
      "EnvironmentVariables": [
        {{ if .Prompt }}"{{ subst "PROMPT=%s" .Prompt }}",{{ end }}
        {{ if .Seed }}"{{ subst "SEED=%s" .Seed | js }}",{{ else }}"SEED=42",{{ end }}
        "OFFLINE=1",
      ] },
    "Engine": "Docker", "Network": { "Type": "None" }, "Outputs": [{ "Name": "outputs", "Path": "/outputs" }],
    "Resources": { "GPU": "1" }, "Timeout": 1800 } } }"#;

/// A submission with a module of a mebibyte inline, as `bacalhau wasm run` sends one.
fn inline_module() -> Vec<u8> {
    let module = "AAAA".repeat((1 << 20) / 3);
    format!(
        "{{\"Job\": {{\"Type\": \"batch\", \"Tasks\": [{{\"Name\": \"main\", \"Engine\": {{\"Type\": \"wasm\", \"Params\": \
         {{\"EntryModule\": \"/m.wasm\"}}}}, \"InputSources\": [{{\"Target\": \"/m.wasm\", \"Source\": {{\"Type\": \
         \"inline\", \"Params\": {{\"URL\": \"data:application/wasm;base64,{module}\"}}}}}}]}}]}}}}"
    )
    .into_bytes()
}

fn main() {
    println!("| what | bytes | per second | median | p99 | peak memory |");
    println!("|---|--:|--:|--:|--:|--:|");
    row("v2 document, YAML", YAML.len(), || drop(black_box(documents::parse(YAML.as_bytes()).unwrap())));
    let job = documents::to_job(&documents::parse(YAML.as_bytes()).unwrap());
    let json = serde_json::to_vec(&job).unwrap();
    row("v2 document, JSON", json.len(), || drop(black_box(documents::parse(&json).unwrap())));
    row("v1 document, JSON", V1.len(), || drop(black_box(documents::parse(V1.as_bytes()).unwrap())));
    let inputs: BTreeMap<String, String> =
        [("Message", "moo"), ("Prompt", "a \"cat\"")].map(|(name, value)| (name.into(), value.into())).into();
    row("module template", TEMPLATE.len(), || drop(black_box(templates::render(TEMPLATE, &inputs).unwrap())));
    let submission = inline_module();
    row("submission, 1 MiB inline", submission.len(), || {
        let request: PutJobRequest = serde_json::from_slice(&submission).unwrap();
        drop(black_box(documents::from_job(&request.job).unwrap()));
    });
}

/// Measures one row and prints it.
fn row(name: &str, bytes: usize, mut read: impl FnMut()) {
    read();
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    read();
    let peak = MOST.load(Relaxed) - before;
    let mut times = Vec::with_capacity(1 << 22);
    let begin = Instant::now();
    while begin.elapsed() < MEASURED && times.len() < times.capacity() {
        let start = Instant::now();
        read();
        times.push(start.elapsed());
    }
    let total: Duration = times.iter().sum();
    times.sort_unstable();
    let at = |hundredth: usize| times[times.len() * hundredth / 100];
    let per_second = f64::from(u32::try_from(times.len()).unwrap()) / total.as_secs_f64();
    println!(
        "| {name} | {bytes} | {per_second:.0} | {:.1?} | {:.1?} | {} KiB |",
        at(50),
        at(99),
        peak.div_ceil(1024)
    );
}
