//! The engine: its switches, and the host's own faults.
//!
//! The engine is closed by default and does not decide anything: admission, fuel, stack and NaNs are settled
//! by the profile before it sees a module, so no switch here can change an Outcome. Nothing runs here.

use crate::{
    admission::NotAdmitted,
    link::{Guest, link},
    profile::{self, NATIVE_BYTES_PER_COUNTED, SMALL_BYTES_MAX, STACK_BYTES_MAX},
};
use lilypad_abi::{JobSpecError, Refusal};
use std::{fmt, sync::Arc};
use wasmtime::{Config, Engine, Inlining, Linker, OptLevel, Strategy, WasmFeatures};

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
    /// The guest's stack couldn't be had.
    #[error("can't get {bytes} bytes of stack for the guest; check the limits on memory and address space")]
    Stack {
        /// Stack wanted.
        bytes: usize,
    },
    /// Compiled code can't be used here: made by another engine, for another CPU, or damaged.
    #[error("compiled code can't be loaded; remove it and compile the module again")]
    Load(#[source] EngineError),
    /// A bug here: running the guest panicked.
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
}

/// Native stack that a guest may use: more than its counted stack can come to.
pub(crate) const NATIVE_STACK_BYTES: usize =
    (STACK_BYTES_MAX.unsigned_abs() + SMALL_BYTES_MAX) as usize * NATIVE_BYTES_PER_COUNTED;

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
    // Data segments are mapped, not copied: from the file that code was loaded from, otherwise from memory that
    // the kernel keeps for the module. A large program's data would cost each job its copying.
    config.memory_init_cow(true);

    // Nobody looks at the guest's native frames: no backtraces, address maps, debug or unwind information.
    config.wasm_backtrace_max_frames(None);
    config.generate_address_map(false);
    config.native_unwind_info(false);
    config.debug_info(false);
    Ok(config)
}
