//! Modules made ready to run: admitted, rewritten, compiled, or compiled before and loaded.
//!
//! Two rewrites exist of each module. The fast one is what runs; the exact one tells how much fuel a call-free
//! loop had used when an instruction trapped, and is compiled when that first happens. Nothing runs here.

use crate::{
    admission::{self, Admitted},
    engine::{EngineError, Runtime, RuntimeError, Unprepared},
    link::Guest,
    metering::{self, Flush},
    profile::MEMORY_EXPORT,
};
use std::{
    fmt,
    fs::File,
    sync::{Arc, Mutex, PoisonError},
};
use wasmtime::{ExternType, InstancePre, Module};

/// Which rewrite of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rewrite {
    /// The one that runs: fuel stays in a local inside loops.
    Fast,
    /// The one that stores fuel at every region, so that it is known wherever an instruction traps.
    Exact,
    /// As exact, and it says which function is entered and left: for [`Runtime::profile_code`].
    Profiled,
}

impl Rewrite {
    const fn flush(self) -> Flush {
        match self {
            Self::Fast => Flush::AtCalls,
            Self::Exact => Flush::AtRegions,
            Self::Profiled => Flush::Profiled,
        }
    }
}

/// One rewrite of a module as native code. Cheap to clone; good for any number of jobs, at once too.
#[derive(Clone)]
pub struct Code {
    pub(crate) instance: InstancePre<Guest>,
    pub(crate) rewrite: Rewrite,
    memory_bytes_min: u64,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("rewrite", &self.rewrite).finish_non_exhaustive()
    }
}

impl Code {
    fn new(runtime: &Runtime, module: &Module, rewrite: Rewrite) -> wasmtime::Result<Self> {
        let memory = module.exports().find(|export| export.name() == MEMORY_EXPORT).map(|export| export.ty());
        let Some(ExternType::Memory(memory)) = memory else {
            return Err(wasmtime::format_err!("no memory is exported as '{MEMORY_EXPORT}'"));
        };
        let memory_bytes_min = memory.minimum().saturating_mul(memory.page_size());
        Ok(Self { instance: runtime.linker.instantiate_pre(module)?, rewrite, memory_bytes_min })
    }

    /// Which rewrite it is.
    #[must_use]
    pub const fn rewrite(&self) -> Rewrite {
        self.rewrite
    }

    /// Bytes of linear memory that the module begins with.
    #[must_use]
    pub const fn memory_bytes_min(&self) -> u64 {
        self.memory_bytes_min
    }
}

/// A module admitted, rewritten and compiled in this process. Good for any number of jobs, at once too.
pub struct PreparedModule {
    pub(crate) fast: Code,
    exact: Mutex<Option<Code>>,
    wasm: Arc<[u8]>,
    admitted: Admitted,
}

impl fmt::Debug for PreparedModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedModule").field("bytes", &self.wasm.len()).finish_non_exhaustive()
    }
}

impl PreparedModule {
    /// Bytes of linear memory that the module begins with.
    #[must_use]
    pub const fn memory_bytes_min(&self) -> u64 {
        self.fast.memory_bytes_min()
    }
}

impl Runtime {
    /// Admits, rewrites and compiles a module. Takes time in proportion to its size, which no fuel pays for.
    ///
    /// # Errors
    /// [`Unprepared::Refused`] when the profile doesn't admit it, otherwise the host's fault.
    pub fn prepare(&self, wasm: &[u8]) -> Result<PreparedModule, Unprepared> {
        let admitted = admission::admit(wasm)?;
        let fast = self.ready(wasm, &admitted, Rewrite::Fast)?;
        Ok(PreparedModule { fast, exact: Mutex::new(None), wasm: wasm.into(), admitted })
    }

    /// Admits, rewrites and compiles a module to bytes for [`Runtime::load`], here or in another process.
    ///
    /// # Errors
    /// As [`Runtime::prepare`].
    pub fn compile(&self, wasm: &[u8], rewrite: Rewrite) -> Result<Vec<u8>, Unprepared> {
        let admitted = admission::admit(wasm)?;
        let rewritten = rewritten(wasm, &admitted, rewrite)?;
        Ok(self.engine.precompile_module(&rewritten).map_err(compile_fault)?)
    }

    /// Loads what [`Runtime::compile`] gave, mapping the file rather than reading it; more bytes may follow in it.
    ///
    /// # Errors
    /// [`RuntimeError::Load`] when it was made by another version of the engine, with other settings or for a
    /// CPU that this machine's isn't.
    ///
    /// # Safety
    /// The file holds native code that will be run. The caller vouches that it begins with the unchanged bytes
    /// that [`Runtime::compile`] gave for this rewrite, and that nobody changes or cuts the file while the code
    /// or a clone of it lives.
    #[expect(unsafe_code, reason = "loading native code is a matter of trust, which no check here replaces")]
    pub unsafe fn load(&self, file: File, rewrite: Rewrite) -> Result<Code, RuntimeError> {
        // SAFETY: the caller's promise is the one that the engine asks for.
        let module = unsafe { Module::deserialize_open_file(&self.engine, file) };
        module
            .and_then(|module| Code::new(self, &module, rewrite))
            .map_err(|error| RuntimeError::Load(error.into()))
    }

    /// The module rewritten so that its fuel is exact where an instruction traps; compiled when first needed.
    pub(crate) fn exact(&self, module: &PreparedModule) -> Result<Code, RuntimeError> {
        let mut exact = module.exact.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = &*exact {
            return Ok(ready.clone());
        }
        let ready = self.ready(&module.wasm, &module.admitted, Rewrite::Exact)?;
        *exact = Some(ready.clone());
        Ok(ready)
    }

    fn ready(&self, wasm: &[u8], admitted: &Admitted, rewrite: Rewrite) -> Result<Code, RuntimeError> {
        let rewritten = rewritten(wasm, admitted, rewrite)?;
        let module = Module::from_binary(&self.engine, &rewritten).map_err(compile_fault)?;
        Code::new(self, &module, rewrite).map_err(compile_fault)
    }
}

fn rewritten(wasm: &[u8], admitted: &Admitted, rewrite: Rewrite) -> Result<Vec<u8>, RuntimeError> {
    metering::rewrite(wasm, admitted, rewrite.flush())
        .map_err(|error| RuntimeError::Compile(EngineError(error.to_string())))
}

fn compile_fault(error: wasmtime::Error) -> RuntimeError {
    RuntimeError::Compile(error.into())
}
