//! Which GPUs this machine has, by what their makers' tools say, and how a container gets at them.
//!
//! `nvidia-smi`, `rocm-smi` or `amd-smi`, and `xpu-smi` are asked as providers have them installed; a machine without
//! any has no GPUs. What they print is parsed purely. Nothing here loads a driver or library.

use super::Gpu;
use lilypad_abi::GpuVendor;
use serde_json::Value;
use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Stdio, time::Duration};
use tokio::io::AsyncReadExt as _;

/// How long a tool may take; drivers that hang hang their tools.
const TOOL_TIME_MAX: Duration = Duration::from_secs(10);

/// Most bytes that a tool's answer may have.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A GPU and where it sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGpu {
    /// What offers say of it.
    pub gpu: Gpu,
    /// Its PCI address, such as `0000:03:00.0`, by which its device file is found.
    pub bus: Option<String>,
}

/// What a container is given to reach its GPUs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Devices {
    /// For NVIDIA's own hook, by index.
    pub(crate) nvidia: Vec<String>,
    /// Device files.
    pub(crate) nodes: Vec<String>,
    /// The groups that device files belong to; the container's user is in none of its own.
    pub(crate) groups: Vec<u32>,
}

/// All GPUs that tools on this machine tell of, and for each tool that is there and failed, what it said.
pub async fn discover() -> (Vec<FoundGpu>, Vec<String>) {
    let mut said = Vec::new();
    let mut found = Vec::new();
    match ask("nvidia-smi", &["--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]).await {
        Answer::Text(text) => found.extend(nvidia(&text)),
        Answer::Failed(why) => said.push(why),
        Answer::Missing => {}
    }
    let rocm = ["--showproductname", "--showmeminfo", "vram", "--showbus", "--json"];
    let amd = match ask("rocm-smi", &rocm).await {
        Answer::Text(text) => Answer::Text(text),
        failed => match ask("amd-smi", &["static", "--asic", "--vram", "--bus", "--json"]).await {
            Answer::Missing => failed,
            answer => answer,
        },
    };
    match amd {
        Answer::Text(text) => found.extend(amd_gpus(&text)),
        Answer::Failed(why) => said.push(why),
        Answer::Missing => {}
    }
    match ask("xpu-smi", &["discovery", "-j"]).await {
        Answer::Text(text) => {
            for mut gpu in intel(&text) {
                // The list has no memory sizes; each device's own description has.
                let index = gpu.gpu.index.to_string();
                if let Answer::Text(text) = ask("xpu-smi", &["discovery", "-d", &index, "-j"]).await {
                    gpu.gpu.memory_mib = intel_memory(&text);
                }
                found.push(gpu);
            }
        }
        Answer::Failed(why) => said.push(why),
        Answer::Missing => {}
    }
    (found, said)
}

/// What it takes to give a container these GPUs.
///
/// # Errors
/// Which device file can't be found.
pub(crate) fn devices(gpus: &[Gpu], found: &[FoundGpu]) -> Result<Devices, String> {
    let mut devices = Devices::default();
    for gpu in gpus {
        if gpu.vendor == GpuVendor::Nvidia {
            devices.nvidia.push(gpu.index.to_string());
            continue;
        }
        let bus = found.iter().find(|other| other.gpu == *gpu).and_then(|found| found.bus.as_deref());
        let node = bus.and_then(|bus| render_node(Path::new("/sys/bus/pci/devices"), bus));
        let node = node
            .ok_or_else(|| format!("the device file of {} can't be found in /sys and /dev/dri", gpu.name))?;
        devices.nodes.push(node);
        if gpu.vendor == GpuVendor::Amd && !devices.nodes.iter().any(|node| node == "/dev/kfd") {
            devices.nodes.push("/dev/kfd".to_owned());
        }
    }
    for node in &devices.nodes {
        let meta = fs::metadata(node).map_err(|error| format!("{node} can't be used: {error}"))?;
        if !devices.groups.contains(&meta.gid()) && meta.gid() != 0 {
            devices.groups.push(meta.gid());
        }
    }
    Ok(devices)
}

/// `/dev/dri/renderD…` of the device at a PCI address: the one through which programs compute and don't draw.
fn render_node(pci: &Path, bus: &str) -> Option<String> {
    let fits = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    if !bus.bytes().all(fits) {
        return None;
    }
    let entries = fs::read_dir(pci.join(bus.to_lowercase()).join("drm")).ok()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.into_iter().find(|name| name.starts_with("renderD")).map(|name| format!("/dev/dri/{name}"))
}

enum Answer {
    Text(String),
    Failed(String),
    Missing,
}

async fn ask(tool: &str, args: &[&str]) -> Answer {
    let child = tokio::process::Command::new(tool)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Answer::Missing,
        Err(error) => return Answer::Failed(format!("{tool} can't be started: {error}")),
    };
    let Some(stdout) = child.stdout.take() else { return Answer::Missing };
    let answer = tokio::time::timeout(TOOL_TIME_MAX, async {
        let mut text = Vec::new();
        stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut text).await?;
        Ok::<_, std::io::Error>((text, child.wait().await?))
    });
    match answer.await {
        Err(_) => Answer::Failed(format!("{tool} gave no answer in {} s", TOOL_TIME_MAX.as_secs())),
        Ok(Err(error)) => Answer::Failed(format!("{tool} can't be read: {error}")),
        Ok(Ok((_, status))) if !status.success() => Answer::Failed(format!("{tool} failed ({status})")),
        Ok(Ok((text, _))) => Answer::Text(String::from_utf8_lossy(&text).into_owned()),
    }
}

/// `0, NVIDIA H100 80GB HBM3, 81559`, a line each.
fn nvidia(text: &str) -> Vec<FoundGpu> {
    let line = |line: &str| {
        let (index, rest) = line.split_once(',')?;
        // From the right: a name may have a comma in it.
        let (name, memory) = rest.rsplit_once(',')?;
        let (index, name) = (index.trim().parse().ok()?, name.trim().to_owned());
        // Machines whose GPUs share the system's memory say `[N/A]`.
        let memory_mib = memory.trim().parse().unwrap_or(0);
        Some(FoundGpu { gpu: Gpu { index, name, vendor: GpuVendor::Nvidia, memory_mib }, bus: None })
    };
    text.lines().filter_map(line).collect()
}

/// What `rocm-smi` says (an object of cards) or `amd-smi` (a list of GPUs).
fn amd_gpus(text: &str) -> Vec<FoundGpu> {
    // Both print warnings in front at times.
    let json = text.find(['{', '[']).and_then(|at| serde_json::from_str::<Value>(&text[at..]).ok());
    match json {
        Some(Value::Object(cards)) if !cards.contains_key("gpu_data") => {
            cards.iter().filter_map(|(name, card)| rocm_card(name, card)).collect()
        }
        Some(Value::Object(mut all)) => list(all.remove("gpu_data")).iter().filter_map(amd_smi_gpu).collect(),
        Some(all) => list(Some(all)).iter().filter_map(amd_smi_gpu).collect(),
        None => Vec::new(),
    }
}

fn rocm_card(name: &str, card: &Value) -> Option<FoundGpu> {
    let index = name.strip_prefix("card")?.parse().ok()?;
    // The words' case changed between versions.
    let field = |wanted: &str| {
        let fields = card.as_object()?;
        fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?.1.as_str().map(str::to_owned)
    };
    let bytes: u64 = field("VRAM Total Memory (B)")?.parse().ok()?;
    let name = field("Card series").or_else(|| field("Card model")).unwrap_or_else(|| "AMD GPU".to_owned());
    Some(FoundGpu { gpu: gpu(index, name, GpuVendor::Amd, bytes >> 20), bus: field("PCI Bus") })
}

fn amd_smi_gpu(value: &Value) -> Option<FoundGpu> {
    let index = u32::try_from(value.get("gpu")?.as_u64()?).ok()?;
    let name = value.pointer("/asic/market_name").and_then(Value::as_str).unwrap_or("AMD GPU");
    // In MB, which here are 2^20 bytes.
    let size = value.pointer("/vram/size/value").or_else(|| value.pointer("/vram/size"));
    let memory = size.and_then(Value::as_u64).unwrap_or(0);
    let bus = value.pointer("/bus/bdf").and_then(Value::as_str).map(str::to_owned);
    Some(FoundGpu { gpu: gpu(index, name.to_owned(), GpuVendor::Amd, memory), bus })
}

fn intel(text: &str) -> Vec<FoundGpu> {
    let devices = serde_json::from_str::<Value>(text)
        .ok()
        .map(|mut all| list(all.get_mut("device_list").map(Value::take)));
    let device = |device: &Value| {
        let index = u32::try_from(device.get("device_id")?.as_u64()?).ok()?;
        let name = device.get("device_name")?.as_str()?.to_owned();
        let bus = device.get("pci_bdf_address").and_then(Value::as_str).map(str::to_owned);
        Some(FoundGpu { gpu: gpu(index, name, GpuVendor::Intel, 0), bus })
    };
    devices.unwrap_or_default().iter().filter_map(device).collect()
}

/// Of one device's description, in MiB.
fn intel_memory(text: &str) -> u32 {
    let json = serde_json::from_str::<Value>(text).unwrap_or_default();
    let bytes = match json.get("memory_physical_size_byte") {
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        Some(value) => value.as_u64().unwrap_or(0),
        None => 0,
    };
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

fn gpu(index: u32, name: String, vendor: GpuVendor, memory_mib: u64) -> Gpu {
    Gpu { index, name, vendor, memory_mib: u32::try_from(memory_mib).unwrap_or(u32::MAX) }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(found: &[FoundGpu]) -> Vec<(u32, &str, u32, Option<&str>)> {
        found.iter().map(|f| (f.gpu.index, f.gpu.name.as_str(), f.gpu.memory_mib, f.bus.as_deref())).collect()
    }

    #[test]
    fn nvidia_smi_is_read() {
        let text =
            "0, NVIDIA H100 80GB HBM3, 81559\n1, NVIDIA GeForce RTX 4090, 24564\n2, NVIDIA GB10, [N/A]\n";
        assert_eq!(
            short(&nvidia(text)),
            [
                (0, "NVIDIA H100 80GB HBM3", 81_559, None),
                (1, "NVIDIA GeForce RTX 4090", 24_564, None),
                (2, "NVIDIA GB10", 0, None),
            ]
        );
        assert!(nvidia("No devices were found\n").is_empty());
    }

    #[test]
    fn rocm_smi_is_read_in_both_spellings() {
        let text = r#"WARNING: something
            {"card0": {"VRAM Total Memory (B)": "68702699520", "VRAM Total Used Memory (B)": "10960896",
              "Card series": "AMD Instinct MI210", "Card model": "0x0c34", "PCI Bus": "0000:43:00.0"},
             "card1": {"VRAM Total Memory (B)": "17163091968", "Card Series": "Radeon RX 7800 XT", "PCI Bus": "0000:03:00.0"},
             "system": {"Driver version": "6.7.0"}}"#;
        assert_eq!(
            short(&amd_gpus(text)),
            [
                (0, "AMD Instinct MI210", 65_520, Some("0000:43:00.0")),
                (1, "Radeon RX 7800 XT", 16_368, Some("0000:03:00.0")),
            ]
        );
    }

    #[test]
    fn amd_smi_is_read_with_and_without_its_wrapper() {
        let gpu = r#"{"gpu": 0, "asic": {"market_name": "AMD Instinct MI300X"}, "bus": {"bdf": "0000:05:00.0"},
            "vram": {"type": "HBM", "size": {"value": 196592, "unit": "MB"}}}"#;
        for text in [format!("[{gpu}]"), format!(r#"{{"gpu_data": [{gpu}]}}"#)] {
            assert_eq!(short(&amd_gpus(&text)), [(0, "AMD Instinct MI300X", 196_592, Some("0000:05:00.0"))]);
        }
    }

    #[test]
    fn xpu_smi_is_read() {
        let text = r#"{"device_list": [{"device_id": 0, "device_name": "Intel(R) Data Center GPU Flex 170",
            "device_type": "GPU", "drm_device": "/dev/dri/card1", "pci_bdf_address": "0000:4d:00.0"}]}"#;
        assert_eq!(short(&intel(text)), [(0, "Intel(R) Data Center GPU Flex 170", 0, Some("0000:4d:00.0"))]);
        assert_eq!(intel_memory(r#"{"memory_physical_size_byte": "14260633600"}"#), 13_600);
        assert_eq!(intel_memory("not json"), 0);
    }

    #[test]
    fn nvidia_goes_by_index_and_others_need_their_device_file() {
        let nvidia = gpu(3, "H100".into(), GpuVendor::Nvidia, 80_000);
        let got = devices(std::slice::from_ref(&nvidia), &[]).unwrap();
        assert_eq!(got, Devices { nvidia: vec!["3".into()], ..Devices::default() });
        let amd = gpu(0, "MI210".into(), GpuVendor::Amd, 64_000);
        let found = FoundGpu { gpu: amd.clone(), bus: Some("ffff:ff:1f.7".into()) };
        assert!(devices(&[amd], &[found]).unwrap_err().contains("MI210"));
    }

    #[test]
    fn a_render_node_is_found_by_its_bus_and_no_other_way() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("0000:03:00.0/drm/renderD129")).unwrap();
        fs::create_dir_all(dir.path().join("0000:03:00.0/drm/card1")).unwrap();
        assert_eq!(render_node(dir.path(), "0000:03:00.0"), Some("/dev/dri/renderD129".into()));
        assert_eq!(render_node(dir.path(), "../0000:03:00.0"), None);
        assert_eq!(render_node(dir.path(), "0000:04:00.0"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics(text in ".{0,200}") {
            let _ = (nvidia(&text), amd_gpus(&text), intel(&text), intel_memory(&text));
        }
    }

    #[tokio::test]
    async fn a_tool_that_is_not_there_is_no_failure() {
        assert!(matches!(ask("lilypad-no-such-tool", &[]).await, Answer::Missing));
        assert!(matches!(ask("false", &[]).await, Answer::Failed(_)));
        assert!(matches!(ask("echo", &["x"]).await, Answer::Text(text) if text == "x\n"));
    }
}
