//! A filled template, which is Lilypad's module in JSON, as a plan.

use super::{TemplateError, commas};
use crate::documents::{DocumentError, Fields, Findings, Node, Path, Plan, Resources, folds_to, read_v1};

/// The plan of a filled template.
pub(super) fn read(json: &str) -> Result<Plan, TemplateError> {
    let (json, commas) = commas::without_trailing(json);
    let node: Node = serde_json::from_str(&json).map_err(|error| TemplateError::Json {
        line: error.line(),
        column: error.column(),
        reason: error.to_string().split(" at line").next().unwrap_or_default().to_owned(),
    })?;
    let mut warnings: Vec<String> = Vec::new();
    if let Some(first) = commas.first() {
        warnings.push(format!(
            "the module is no strict JSON: {} comma(s) before a closing bracket, the first on line {first} of the filled \
             template; read without",
            commas.len()
        ));
    }
    let plan = plan(&node, &mut warnings).map_err(TemplateError::Module)?;
    warnings.extend(plan.warnings);
    Ok(Plan { warnings, ..plan })
}

fn plan(node: &Node, warnings: &mut Vec<String>) -> Result<Plan, DocumentError> {
    let is_module = match node {
        Node::Fields(entries) => entries.iter().any(|(key, _)| folds_to(key, "job")),
        _ => {
            return Err(DocumentError::of_whole(
                "the filled template is no module; a module has machine and job",
            ));
        }
    };
    if !is_module {
        warnings.push("the module has no machine and job around its job, as modules do now".to_owned());
        return read_v1(node, &Path::Root);
    }
    let mut found = Findings::default();
    let mut module = Fields::open(node, &Path::Root, &mut found);
    for name in ["author", "description", "image", "model", "name", "version", "repo", "hash", "path"] {
        module.skip(name, &mut found);
    }
    let timeout = module.whole("executionTimeoutSeconds", &mut found).filter(|seconds| *seconds > 0);
    read_files(module.take("inputFiles", &mut found), &mut found);
    let machine = read_machine(module.take("machine", &mut found), &mut found);
    let job = module.take("job", &mut found).unwrap_or(&Node::Null);
    module.close(&[("job", &["APIVersion", "Spec", "Metadata"])], &mut found);
    let plan = read_v1(job, &Path::Field(&Path::Root, "job"));
    let (mut plan, more) = match (plan, found.finish()) {
        (Ok(plan), Ok(warnings)) => (plan, warnings),
        (Err(DocumentError::Problems(mut of_job)), Err(DocumentError::Problems(of_module))) => {
            of_job.splice(..0, of_module);
            return Err(DocumentError::Problems(of_job));
        }
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    warnings.extend(more);
    machine.merge(&mut plan.resources);
    plan.timeout_s = match (plan.timeout_s, timeout) {
        (Some(of_job), Some(of_module)) => Some(of_job.min(of_module)),
        (of_job, of_module) => of_job.or(of_module),
    };
    Ok(plan)
}

/// Files that travel beside the inputs, which here none do.
fn read_files(node: Option<&Node>, found: &mut Findings) {
    let path = Path::Field(&Path::Root, "inputFiles");
    let mut files = Fields::open(node.unwrap_or(&Node::Null), &path, found);
    let required = files.texts("required", found);
    let optional = files.texts("optional", found);
    files.close(&[], found);
    if !required.is_empty() {
        let names = required.join(", ");
        found.problem(
            &path.field("required"),
            format!("the module needs files beside its inputs ({names}), which is not supported; it must take them as job inputs"),
        );
    } else if !optional.is_empty() {
        found.warn(&path.field("optional"), "left out; no files travel beside the inputs");
    }
}

/// What the machine must have at least.
#[derive(Default)]
struct Machine {
    gpus: Option<u64>,
    gpu_memory_mib: Option<u64>,
    cpu_millis: Option<u64>,
    memory_bytes: Option<u64>,
    disk_bytes: Option<u64>,
}

fn read_machine(node: Option<&Node>, found: &mut Findings) -> Machine {
    let path = Path::Field(&Path::Root, "machine");
    let mut fields = Fields::open(node.unwrap_or(&Node::Null), &path, found);
    let mut machine = Machine::default();
    let count = fields.whole("gpu", found);
    let mut memory = fields.whole("vram", found);
    let gpus_path = path.field("gpus");
    let gpus = fields.list("gpus", found);
    for (index, gpu) in gpus.iter().enumerate() {
        let place = gpus_path.item(index);
        let mut gpu = Fields::open(gpu, &place, found);
        memory = memory.max(gpu.whole("vram", found));
        gpu.leave_out("name", "left out; GPUs are asked for by count and memory", found);
        gpu.leave_out("vendor", "left out; GPUs are asked for by count and memory", found);
        gpu.close(&[], found);
    }
    machine.gpus = count.max(u64::try_from(gpus.len()).ok().filter(|count| *count > 0));
    machine.gpu_memory_mib = memory.filter(|mib| *mib > 0);
    machine.cpu_millis = fields.whole("cpu", found).filter(|millis| *millis > 0);
    let mut megabytes =
        |name| fields.whole(name, found).filter(|mb| *mb > 0).map(|mb| mb.saturating_mul(1 << 20));
    machine.memory_bytes = megabytes("ram");
    machine.disk_bytes = megabytes("disk");
    fields.close(&[], found);
    machine
}

impl Machine {
    /// The larger of what the module and its job ask for.
    fn merge(self, resources: &mut Resources) {
        // The job's own word is a bound, the module's is only about the machine: many a module would not fit into it.
        match &mut resources.memory_bytes {
            Some(bytes) => *bytes = (*bytes).max(self.memory_bytes.unwrap_or(0)),
            None => resources.machine_memory_bytes = self.memory_bytes,
        }
        resources.cpu_millis = resources.cpu_millis.max(self.cpu_millis);
        resources.disk_bytes = resources.disk_bytes.max(self.disk_bytes);
        resources.gpus = resources.gpus.max(self.gpus);
        resources.gpu_memory_mib = resources.gpu_memory_mib.max(self.gpu_memory_mib);
    }
}
