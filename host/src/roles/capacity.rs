//! What a job may not be on its deal's terms, and what a provider's machine takes on: pure.

use crate::{
    chain::{LilypadMarket::DealTerms, Meter, Rules, Verification},
    container::Machine,
};
use lilypad_abi::{ContainerSpec, Gpus, Job, JobSpec, Network};

/// Seconds kept for a transaction, and for what comes before it.
pub(crate) const POST_SECONDS: u64 = 60;

/// Seconds that a mediator may need to get an image and a place for each run.
pub(crate) const START_SECONDS: u64 = 60;

/// What a provider's machine takes on, whatever a match says.
#[derive(Debug, Clone)]
pub struct Capacity {
    /// Most bytes of memory and captured output of a module together: its virtual world lives in memory.
    pub bytes_max: u64,
    /// Fuel this machine surely gets through in a second; a deal whose time is too short for its fuel is declined.
    pub fuel_per_second: u64,
    /// What containers may have, if any run here.
    pub containers: Option<Machine>,
}

/// What the contract can't check, because it sees the job's digest only.
///
/// # Errors
/// What is wrong with the job, for the log.
pub(super) fn check_terms(job: &Job, terms: &DealTerms, rules: &Rules) -> Result<(), String> {
    if job.profile().to_bytes32() != terms.profile.0 {
        return Err("the job's profile is not the deal's".to_owned());
    }
    let (units_max, meter) = match job {
        Job::Wasm(spec) => (spec.limits.fuel_limit, Meter::Fuel),
        Job::Container(spec) => (spec.units_max(), container_meter(spec)),
    };
    if meter != rules.meter {
        return Err(format!("the job is paid by {meter:?} and the deal counts {:?}", rules.meter));
    }
    if units_max > terms.fuelLimit {
        return Err(format!("the job may use {units_max} fuel and the deal pays for {}", terms.fuelLimit));
    }
    match (job, rules.verification) {
        (Job::Container(spec), Verification::Repeated) if spec.network == Network::Full => {
            Err("what a network says can't be repeated; such a job is unverified".to_owned())
        }
        (Job::Container(_), Verification::BitExact) => {
            Err("a container's runs are not bit-exact; such a job is repeated or unverified".to_owned())
        }
        _ => Ok(()),
    }
}

/// What a container is paid by.
#[must_use]
pub(crate) const fn container_meter(spec: &ContainerSpec) -> Meter {
    if spec.gpus.is_some() { Meter::GpuNanoseconds } else { Meter::CoreNanoseconds }
}

impl Capacity {
    /// Whether this machine takes the job on.
    ///
    /// # Errors
    /// Why not, for the log.
    pub(super) fn check(&self, job: &Job, rules: &Rules) -> Result<(), String> {
        match job {
            Job::Wasm(spec) => self.check_module(spec, rules.submit_window),
            Job::Container(spec) => self.check_container(spec, rules),
        }
    }

    fn check_module(&self, spec: &JobSpec, submit_window: u32) -> Result<(), String> {
        let limits = &spec.limits;
        let parts = [
            limits.memory_bytes_max,
            limits.output_bytes_max,
            limits.stdout_bytes_max,
            limits.stderr_bytes_max,
        ];
        let bytes = parts.into_iter().fold(0, u64::saturating_add);
        if bytes > self.bytes_max {
            return Err(format!(
                "the job may need {bytes} bytes of memory and output, this machine offers {}",
                self.bytes_max
            ));
        }
        let fuel_in_time = u64::from(submit_window).saturating_mul(self.fuel_per_second);
        if limits.fuel_limit > fuel_in_time {
            return Err(format!(
                "{} fuel may not be done in the {submit_window} s that the deal gives",
                limits.fuel_limit
            ));
        }
        Ok(())
    }

    fn check_container(&self, spec: &ContainerSpec, rules: &Rules) -> Result<(), String> {
        let machine = self.containers.as_ref().ok_or("no containers are run here")?;
        let limits = &spec.limits;
        for (what, wanted, offered) in [
            ("thousandths of a core", limits.cpu_millis.into(), machine.cpu_millis),
            ("bytes of memory", limits.memory_bytes_max, machine.memory_bytes),
            ("bytes of disk", limits.disk_bytes_max, machine.disk_bytes),
        ] {
            if wanted > offered {
                return Err(format!("the job wants {wanted} {what}, this machine offers {offered}"));
            }
        }
        if let Some(gpus) = spec.gpus {
            let fitting = machine.gpus.iter().filter(|gpu| {
                gpu.memory_mib >= gpus.memory_mib && gpus.vendor.is_none_or(|vendor| vendor == gpu.vendor)
            });
            if fitting.count() < usize::from(gpus.count) {
                return Err(format!("the job wants {}, this machine hasn't got them", describe(gpus)));
            }
        }
        let run_seconds = limits.timeout_ms.div_ceil(1_000);
        // Its start may wait as long as saying no is free, which is half of the window; then comes the run, and posting.
        if run_seconds.saturating_add(POST_SECONDS) > u64::from(rules.submit_window) / 2 {
            return Err(format!(
                "{run_seconds} s of running may not be done in half of the {} s that the deal gives",
                rules.submit_window
            ));
        }
        // A verdict that mediators have no time for would be a draw of lots.
        let runs = u64::from(rules.runs);
        let to_mediate = run_seconds.saturating_add(START_SECONDS).saturating_mul(runs) + 2 * POST_SECONDS;
        if rules.verification == Verification::Repeated && to_mediate > rules.mediation_window.into() {
            return Err(format!(
                "{} runs of {run_seconds} s, with their starts, don't fit the {} s that mediators have",
                rules.runs, rules.mediation_window
            ));
        }
        Ok(())
    }
}

fn describe(gpus: Gpus) -> String {
    let vendor = gpus.vendor.map_or_else(String::new, |vendor| format!("{vendor:?} "));
    format!("{} {vendor}GPUs of at least {} MiB", gpus.count, gpus.memory_mib)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Gpu;
    use lilypad_abi::{BlobDigest, Cid, Codec, ContainerLimits, GpuVendor, Image, Limits, Network, Profile};
    use std::collections::BTreeMap;

    fn module() -> JobSpec {
        JobSpec {
            profile: Profile::Lilypad1,
            module: Cid::of(Codec::Raw, b"module"),
            args: Vec::new(),
            env: BTreeMap::new(),
            inputs: BTreeMap::new(),
            stdin: None,
            limits: Limits::default(),
            seed: BlobDigest::default(),
            clock_epoch_ns: 0,
        }
    }

    fn container() -> ContainerSpec {
        ContainerSpec {
            profile: Profile::Container1,
            image: Image::Archive(Cid::of(Codec::Raw, b"image")),
            entrypoint: Vec::new(),
            args: Vec::new(),
            env: BTreeMap::new(),
            working_dir: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            network: Network::None,
            gpus: None,
            limits: ContainerLimits::default(),
        }
    }

    fn rules() -> Rules {
        Rules {
            verification: Verification::BitExact,
            meter: Meter::Fuel,
            replicas: 1,
            mediator_count: 3,
            runs: 1,
            audit_bps: 0,
            penalty_bps: 10_000,
            submit_window: 600,
            judge_window: 600,
            mediation_window: 600,
            callback_gas: 0,
            matched_at: 0,
        }
    }

    fn repeated() -> Rules {
        Rules {
            verification: Verification::Repeated,
            meter: Meter::CoreNanoseconds,
            submit_window: 1_320,
            mediation_window: 780,
            ..rules()
        }
    }

    fn terms(job: &Job) -> DealTerms {
        let fuel_limit = match job {
            Job::Wasm(spec) => spec.limits.fuel_limit,
            Job::Container(spec) => spec.units_max(),
        };
        DealTerms {
            profile: job.profile().to_bytes32().into(),
            fuelLimit: fuel_limit,
            ..DealTerms::default()
        }
    }

    fn capacity() -> Capacity {
        let gpu = Gpu { index: 0, name: "a".into(), vendor: GpuVendor::Amd, memory_mib: 16_384 };
        let machine =
            Machine { cpu_millis: 2_000, memory_bytes: 4 << 30, disk_bytes: 8 << 30, gpus: vec![gpu] };
        Capacity { bytes_max: 4 << 30, fuel_per_second: 1_000_000_000, containers: Some(machine) }
    }

    #[test]
    fn a_job_that_asks_for_more_than_its_deal_pays_is_not_run() {
        let (module, container) = (Job::Wasm(module()), Job::Container(container()));
        for (job, rules) in [(&module, rules()), (&container, repeated())] {
            check_terms(job, &terms(job), &rules).unwrap();
            let less = DealTerms { fuelLimit: 1, ..terms(job) };
            assert!(check_terms(job, &less, &rules).unwrap_err().contains("pays for 1"));
            let other = DealTerms { profile: crate::chain::B256::ZERO, ..terms(job) };
            assert!(check_terms(job, &other, &rules).unwrap_err().contains("profile"));
        }
        assert!(check_terms(&container, &terms(&container), &rules()).unwrap_err().contains("counts Fuel"));
        let mut online = self::container();
        online.network = Network::Full;
        let online = Job::Container(online);
        assert!(check_terms(&online, &terms(&online), &repeated()).unwrap_err().contains("repeated"));
        check_terms(
            &online,
            &terms(&online),
            &Rules { verification: Verification::Unverified, ..repeated() },
        )
        .unwrap();
        let exact = Rules { verification: Verification::BitExact, ..repeated() };
        assert!(check_terms(&container, &terms(&container), &exact).unwrap_err().contains("bit-exact"));
    }

    #[test]
    fn a_machine_takes_on_what_it_can_do_in_time() {
        let job = Job::Wasm(module());
        capacity().check(&job, &rules()).unwrap();
        let small = Capacity { bytes_max: 1 << 30, ..capacity() };
        assert!(small.check(&job, &rules()).unwrap_err().contains("this machine offers"));
        let short = Rules { submit_window: 99, ..rules() };
        assert!(capacity().check(&job, &short).unwrap_err().contains("99 s"));
    }

    #[test]
    fn a_container_gets_what_the_machine_has_and_the_time_it_may_take() {
        let check = |change: &dyn Fn(&mut ContainerSpec), rules: Rules| {
            let mut spec = container();
            change(&mut spec);
            capacity().check(&Job::Container(spec), &rules)
        };
        check(&|_| {}, repeated()).unwrap();
        assert!(check(&|spec| spec.limits.cpu_millis = 2_001, repeated()).unwrap_err().contains("core"));
        let much = |spec: &mut ContainerSpec| spec.limits.disk_bytes_max = 9 << 30;
        assert!(check(&much, repeated()).unwrap_err().contains("disk"));
        let gpus = |count, vendor, memory_mib| {
            move |spec: &mut ContainerSpec| spec.gpus = Some(Gpus { count, vendor, memory_mib })
        };
        check(&gpus(1, Some(GpuVendor::Amd), 16_000), repeated()).unwrap();
        for (count, vendor, memory) in [(2, None, 1), (1, Some(GpuVendor::Nvidia), 1), (1, None, 20_000)] {
            let error = check(&gpus(count, vendor, memory), repeated()).unwrap_err();
            assert!(error.contains("GPUs"), "{error}");
        }
        let short = Rules { submit_window: 1_319, ..repeated() };
        assert!(check(&|_| {}, short).unwrap_err().contains("1319 s"));
        let twice = Rules { runs: 2, ..repeated() };
        assert!(check(&|_| {}, twice).unwrap_err().contains("2 runs"));
        let unverified = Rules { verification: Verification::Unverified, ..twice };
        check(&|_| {}, unverified).unwrap();
        let none = Capacity { containers: None, ..capacity() };
        assert!(none.check(&Job::Container(container()), &repeated()).is_err());
    }
}
