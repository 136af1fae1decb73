//! Documents of Bacalhau since 1.2: `Type`, `Tasks`, `Engine`, `InputSources`, `ResultPaths`.

use super::{
    DocumentError, Fields, Findings, Node, Plan,
    engine::{Setting, check_env, read_engine, read_spec},
    needs::{NO_CONSTRAINTS, read_network, read_publisher, read_resources, read_timeouts},
    path::Path,
    quantity::Units,
    source::{read_inputs, read_outputs},
};
use std::collections::BTreeMap;

/// The fields of a task, which are easily put one level too high.
const OF_TASK: &[&str] =
    &["Engine", "Publisher", "Env", "InputSources", "ResultPaths", "Resources", "Network", "Timeouts"];

/// A v2 document's plan.
pub(super) fn read(node: &Node) -> Result<Plan, DocumentError> {
    let mut findings = Findings::default();
    let found = &mut findings;
    let root = Path::Root;
    let mut job = Fields::open(node, &root, found);
    let name = job.word("Name", found).unwrap_or_default();
    match job.word("Type", found).as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("batch") => {}
        Some(kind @ ("ops" | "daemon" | "service")) => found.problem(
            &root.field("Type"),
            format!(
                "{kind} jobs run on every node or for ever, and a deal is one run with an end; write batch"
            ),
        ),
        Some(other) => {
            found.problem(&root.field("Type"), format!("'{other}' is no type of job; write batch"))
        }
        None => found.problem(&root.field("Type"), "missing; write Type: batch"),
    }
    let replicas = job.whole("Count", found).unwrap_or(1);
    let replicas = match u32::try_from(replicas) {
        Ok(0) => {
            found.problem(&root.field("Count"), "0 runs nothing; write 1, or leave it out");
            1
        }
        Ok(count) => count,
        Err(_) => {
            found.problem(&root.field("Count"), "more than anybody has machines");
            1
        }
    };
    job.refuse("Constraints", NO_CONSTRAINTS, found);
    let mut meta = job.map("Meta", found);
    let labels = job.map("Labels", found);
    job.leave_out("Priority", "left out; what a deal pays decides what goes first", found);
    match job.word("Namespace", found).as_deref() {
        None | Some("default") => {}
        Some(_) => found.warn(&root.field("Namespace"), "left out; the market has no namespaces"),
    }
    for name in ["Version", "Revision", "CreateTime", "ModifyTime"] {
        job.leave_out(name, "left out; it is the server's to say", found);
    }
    // An ID is given to a batch job by its server whatever the document says, and a state belongs to a running one.
    job.skip("ID", found);
    job.skip("State", found);
    let tasks = job.list("Tasks", found);
    let path = root.field("Tasks");
    if tasks.len() != 1 {
        found.problem(&path, format!("{} tasks; a job has exactly one", tasks.len()));
    }
    let task = tasks.first().unwrap_or(&Node::Null);
    let plan = (!tasks.is_empty()).then(|| read_task(task, &path.item(0), found)).flatten();
    job.close(
        &[("Tasks[0]", OF_TASK), ("Tasks[0].Engine.Params", &["Image", "Entrypoint", "Parameters"])],
        found,
    );
    let warnings = findings.finish()?;
    // Without a plan something was wrong, and that was said.
    let (mut plan, task_meta) = plan.ok_or_else(|| DocumentError::of_whole("the job has no task"))?;
    for (key, value) in task_meta {
        meta.entry(key).or_insert(value);
    }
    (plan.name, plan.replicas, plan.labels, plan.meta, plan.warnings) =
        (name, replicas, labels, meta, warnings);
    Ok(plan)
}

fn read_task(node: &Node, path: &Path<'_>, found: &mut Findings) -> Option<(Plan, BTreeMap<String, String>)> {
    let mut task = Fields::open(node, path, found);
    task.skip("Name", found);
    let meta = task.map("Meta", found);
    let env_path = path.field("Env");
    let env = task.map("Env", found);
    for (name, value) in &env {
        check_env(name, value, &env_path.field(name), found);
    }
    let inputs_path = path.field("InputSources");
    let inputs = read_inputs(task.list("InputSources", found), &inputs_path, found);
    let outputs_path = path.field("ResultPaths");
    let outputs = read_outputs(task.list("ResultPaths", found), &outputs_path, found);
    let engine_path = path.field("Engine");
    let engine_node = task.take("Engine", found);
    if engine_node.is_none() {
        found.problem(&engine_path, "missing; write Engine: {Type: docker, Params: {Image: …}}");
    }
    let mut setting = Setting { env, inputs };
    let engine = engine_node.and_then(|node| {
        let (kind, params) = read_spec(node, &engine_path, found);
        read_engine(kind.as_deref(), params, &engine_path, &mut setting, found)
    });
    let publisher =
        task.take("Publisher", found).and_then(|node| read_publisher(node, &path.field("Publisher"), found));
    let resources =
        read_resources(task.take("Resources", found), &path.field("Resources"), Units::Decimal, found);
    let network = read_network(task.take("Network", found), &path.field("Network"), found);
    let timeout_s = read_timeouts(task.take("Timeouts", found), &path.field("Timeouts"), found);
    task.close(&[("Engine.Params", &["Image", "Entrypoint", "Parameters", "WorkingDirectory"])], found);
    let plan = Plan {
        name: String::new(),
        replicas: 1,
        engine: engine?,
        env: setting.env,
        inputs: setting.inputs,
        outputs,
        resources,
        network,
        timeout_s,
        publisher,
        labels: BTreeMap::new(),
        meta: BTreeMap::new(),
        warnings: Vec::new(),
    };
    Some((plan, meta))
}
