//! `lilypad machines`: what the solver has on offer, and for how much.

use super::{Common, output, progress::Story, session};
use crate::{
    chain::Meter,
    container::Gpu,
    report::{tokens, unit},
    solver::{MachineOnOffer, SolverClient},
};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn machines(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let chain = session::creator_chain(common).await?;
    let story = Story::new(&chain);
    let machines = SolverClient::new(&chain.network().solver_url)?.machines().await?;
    if args.json {
        output::json(&serde_json::to_value(&machines)?);
        return Ok(ExitCode::SUCCESS);
    }
    if machines.is_empty() {
        output::note("no machine is on offer; start one: lilypad-host provider");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<String>> = machines.iter().map(|machine| row(machine, &story)).collect();
    output::line(&output::table(
        &["provider", "runs", " price", "for a", " cores", " memory", "GPUs"],
        &rows,
    ));
    output::note("\nuse one: lilypad run <module> --provider <address>, or lilypad run --image <image>");
    Ok(ExitCode::SUCCESS)
}

fn row(machine: &MachineOnOffer, story: &Story) -> Vec<String> {
    let offer = &machine.offer;
    let end = offer.profile.iter().position(|byte| *byte == 0).unwrap_or(32);
    let profile = String::from_utf8_lossy(&offer.profile[..end]).into_owned();
    let counts = [Meter::Fuel, Meter::CoreNanoseconds, Meter::GpuNanoseconds]
        .into_iter()
        .find(|meter| *meter as u8 == offer.meter)
        .map_or("?", unit);
    vec![
        story.name(offer.provider),
        profile,
        tokens(offer.pricePerGigafuel),
        counts.to_owned(),
        offer.cores.to_string(),
        format!("{} MiB", offer.memoryBytesMax >> 20),
        gpus(&machine.gpus),
    ]
}

/// `2 x NVIDIA A (nvidia, 81559 MiB)`, alike ones together; what a stranger named is cut and printable.
fn gpus(gpus: &[Gpu]) -> String {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for gpu in gpus {
        let name: String = gpu.name.chars().filter(|c| !c.is_control()).take(60).collect();
        let text = format!("{name} ({:?}, {} MiB)", gpu.vendor, gpu.memory_mib);
        match kinds.iter_mut().find(|(kind, _)| *kind == text) {
            Some((_, count)) => *count += 1,
            None => kinds.push((text, 1)),
        }
    }
    let texts: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{count} x {kind}")).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lilypad_abi::GpuVendor;

    #[test]
    fn alike_gpus_are_counted_and_names_are_printable() {
        let gpu = |index, name: &str| Gpu {
            index,
            name: name.to_owned(),
            vendor: GpuVendor::Nvidia,
            memory_mib: 81_559,
        };
        assert_eq!(gpus(&[]), "none");
        let text = gpus(&[gpu(0, "A"), gpu(1, "A"), gpu(2, "B\x1b[31m")]);
        assert_eq!(text, "2 x A (Nvidia, 81559 MiB), 1 x B[31m (Nvidia, 81559 MiB)");
    }
}
