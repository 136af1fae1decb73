//! The engine: its switches, and modules made ready to run.
//!
//! The engine is closed by default and does not decide anything: admission, fuel, stack and NaNs are settled
//! by the profile before it sees a module, so no switch here can change an Outcome. Nothing runs here.

use crate::{
    admission::{self, Admitted, NotAdmitted},
    execute::{Guest, link},
    metering::{self, Flush},
    profile::{self, NATIVE_BYTES_PER_COUNTED, SMALL_BYTES_MAX, STACK_BYTES_MAX},
};
use lilypad_abi::{JobSpecError, Refusal};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use wasmtime::{Config, Engine, Inlining, InstancePre, Linker, Module, OptLevel, Strategy, WasmFeatures};

/// How the host would like its engine. Nothing in it can change an Outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuntimeOptions {
    /// Compile slower code sooner (`false`) or faster code later (`true`); only Cranelift makes a difference.
    pub optimize: bool,
    /// What runs the guest's code.
    pub back_end: BackEnd,
}

impl Default for RuntimeOptions {
    /// Optimised code from Cranelift.
    fn default() -> Self {
        Self { optimize: true, back_end: BackEnd::Cranelift }
    }
}

/// What makes machine code of a module, or interprets it. All give the same Outcomes, at different speeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackEnd {
    /// The optimising compiler.
    Cranelift,
    /// The one-pass compiler. It knows no tail calls: an admitted module with some doesn't compile.
    Winch,
    /// Cranelift for an interpreted instruction set, which runs on any CPU.
    Pulley,
}

/// The host's own fault. It says nothing about the job, and is never signed.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine refused its configuration on this machine.
    #[error("engine can't start on this machine; check that its CPU and kernel are supported")]
    Engine(#[source] EngineError),
    /// An admitted module didn't compile.
    #[error("an admitted module didn't compile; report it with the module's CID")]
    Compile(#[source] EngineError),
    /// Memory, a table or an instance that the job may have couldn't be had.
    #[error("this host has too little memory for the job; free some and run it again")]
    OutOfMemory(#[source] EngineError),
    /// The native stack ended before the counted one.
    #[error("native stack ended before the counted stack; report it with the module's CID")]
    NativeStack,
    /// The engine stopped the guest for a reason that is not the guest's.
    #[error("engine stopped the guest for no reason of the guest's; run it again")]
    Stopped(#[source] EngineError),
    /// The thread for the guest couldn't be started.
    #[error("can't start a thread with {bytes} bytes of stack; check the limits on threads and memory")]
    Thread {
        /// Stack wanted.
        bytes: usize,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A bug here: the thread of the guest panicked.
    #[error("the runtime panicked; report it with the job's CID")]
    Panicked,
    /// The job's own description is not one that can be run.
    #[error("job can't be run as described")]
    Job(#[from] JobSpecError),
}

/// An error of the engine, as text: its types are no part of this crate's interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub(crate) String);

impl From<wasmtime::Error> for EngineError {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// Why a module is not ready to run.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    /// The profile doesn't admit it: an Outcome with this reason.
    #[error("{1}")]
    Refused(Refusal, String),
    /// The host's own fault.
    #[error(transparent)]
    Fault(#[from] RuntimeError),
}

impl From<NotAdmitted> for Unprepared {
    fn from(not: NotAdmitted) -> Self {
        Self::Refused(not.reason, not.detail)
    }
}

/// Runs jobs. Cheap to clone; one engine serves any number of threads.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Arc<Linker<Guest>>,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

/// A module admitted, rewritten and compiled. Good for any number of jobs, at once too.
pub struct PreparedModule {
    pub(crate) fast: InstancePre<Guest>,
    exact: Mutex<Option<InstancePre<Guest>>>,
    wasm: Vec<u8>,
    admitted: Admitted,
}

impl fmt::Debug for PreparedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedModule").field("bytes", &self.wasm.len()).finish_non_exhaustive()
    }
}

impl Runtime {
    /// An engine with nothing loaded.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] when the machine can't run it.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let fault = |error: wasmtime::Error| RuntimeError::Engine(error.into());
        let engine = config(options).and_then(|config| Engine::new(&config)).map_err(fault)?;
        let linker = Arc::new(link(&engine).map_err(fault)?);
        Ok(Self { engine, linker })
    }

    /// Admits, rewrites and compiles a module. Takes time in proportion to its size, which no fuel pays for.
    ///
    /// # Errors
    /// [`Unprepared::Refused`] when the profile doesn't admit it, otherwise the host's fault.
    pub fn prepare(&self, wasm: &[u8]) -> Result<PreparedModule, Unprepared> {
        let admitted = admission::admit(wasm)?;
        let fast = self.compile(wasm, &admitted, Flush::AtCalls)?;
        Ok(PreparedModule { fast, exact: Mutex::new(None), wasm: wasm.to_vec(), admitted })
    }

    fn compile(
        &self,
        wasm: &[u8],
        admitted: &Admitted,
        flush: Flush,
    ) -> Result<InstancePre<Guest>, RuntimeError> {
        let fault = |text: String| RuntimeError::Compile(EngineError(text));
        let rewritten = metering::rewrite(wasm, admitted, flush).map_err(|error| fault(error.to_string()))?;
        let module =
            Module::from_binary(&self.engine, &rewritten).map_err(|error| fault(format!("{error:#}")))?;
        self.linker.instantiate_pre(&module).map_err(|error| fault(format!("{error:#}")))
    }

    /// The module rewritten so that its fuel is exact where an instruction traps; compiled when first needed.
    pub(crate) fn exact(&self, module: &PreparedModule) -> Result<InstancePre<Guest>, RuntimeError> {
        let mut exact = module.exact.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = &*exact {
            return Ok(ready.clone());
        }
        let ready = self.compile(&module.wasm, &module.admitted, Flush::AtRegions)?;
        *exact = Some(ready.clone());
        Ok(ready)
    }
}

impl PreparedModule {
    /// Bytes of linear memory that the module begins with.
    #[must_use]
    pub const fn memory_bytes_min(&self) -> u64 {
        self.admitted.memory_bytes_min
    }
}

/// Native stack that a guest may use: more than its counted stack can come to.
pub(crate) const NATIVE_STACK_BYTES: usize =
    (STACK_BYTES_MAX.unsigned_abs() as usize + SMALL_BYTES_MAX as usize) * NATIVE_BYTES_PER_COUNTED;

/// The interpreter with this machine's width of pointers and order of bytes.
const PULLEY: &str = match (cfg!(target_pointer_width = "64"), cfg!(target_endian = "little")) {
    (true, true) => "pulley64",
    (true, false) => "pulley64be",
    (false, true) => "pulley32",
    (false, false) => "pulley32be",
};

pub(crate) fn config(options: RuntimeOptions) -> wasmtime::Result<Config> {
    let mut config = Config::new();

    // Features: all off, then the profile's. Admission has refused everything else already; this is a second
    // fence, against defaults that move between versions.
    config.wasm_features(WasmFeatures::all(), false);
    config.wasm_features(profile::features(), true);

    // The rewrite says which of its branches hardly ever happen; the guest's own hints are left out of it.
    config.wasm_branch_hinting(true);

    // The rewrite does these three, the same way on every engine.
    config.consume_fuel(false);
    config.epoch_interruption(false);
    config.cranelift_nan_canonicalization(false);

    // Which compiler, and how hard it works, doesn't show in results. No inlining between functions: native
    // frames stay those of single functions, which the counted stack bounds.
    config.strategy(match options.back_end {
        BackEnd::Cranelift | BackEnd::Pulley => Strategy::Cranelift,
        BackEnd::Winch => Strategy::Winch,
    });
    match options.back_end {
        BackEnd::Cranelift => {}
        BackEnd::Winch => {
            config.wasm_features(WasmFeatures::TAIL_CALL, false);
        }
        BackEnd::Pulley => {
            config.target(PULLEY)?;
        }
    }
    config.cranelift_opt_level(if options.optimize { OptLevel::Speed } else { OptLevel::None });
    config.compiler_inlining(Inlining::No);
    config.parallel_compilation(true);

    // The counted stack trips first. The second setting is for a feature that isn't built, but is compared.
    config.max_wasm_stack(NATIVE_STACK_BYTES);
    config.async_stack_size(NATIVE_STACK_BYTES);

    // All of a 32-bit memory is reserved, so that growing never moves it and bounds checks are page faults.
    config.memory_reservation(1 << 32);
    config.memory_may_move(false);
    config.guard_before_linear_memory(true);
    // Data segments are copied, not mapped from a file descriptor: a locked-in worker may open none.
    config.memory_init_cow(false);

    // Nobody looks at the guest's native frames: no backtraces, address maps, debug or unwind information.
    config.wasm_backtrace_max_frames(None);
    config.generate_address_map(false);
    config.native_unwind_info(false);
    config.debug_info(false);
    Ok(config)
}
