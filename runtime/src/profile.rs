//! The numbers of the profile `lilypad-1`: what it accepts, and how much of it.
//!
//! Each constant decides Outcomes, so none changes once the profile is released. Nothing here is computed
//! from the machine.

use wasmparser::WasmFeatures;

/// WebAssembly features that a module may use beyond the MVP, each with the name shown to people.
///
/// All of them are in the finished 2.0 standard (extended constants: 3.0), have one deterministic meaning
/// once NaNs are canonical, and are what current compilers for WASI emit by default.
pub(crate) const ACCEPTED: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::MUTABLE_GLOBAL, "mutable globals"),
    (WasmFeatures::SIGN_EXTENSION, "sign extension"),
    (WasmFeatures::SATURATING_FLOAT_TO_INT, "saturating float-to-int"),
    (WasmFeatures::MULTI_VALUE, "multi-value"),
    (WasmFeatures::BULK_MEMORY, "bulk memory"),
    (WasmFeatures::REFERENCE_TYPES, "reference types"),
    (WasmFeatures::SIMD, "fixed-width SIMD"),
    (WasmFeatures::EXTENDED_CONST, "extended constants"),
    (WasmFeatures::TAIL_CALL, "tail calls"),
];

/// Features that are refused, each with a name and the way out of it.
pub(crate) const REFUSED: &[(WasmFeatures, &str, &str)] = &[
    (WasmFeatures::THREADS, "threads or shared memory", "build for one thread"),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD", "build without -mrelaxed-simd: its results differ by CPU"),
    (WasmFeatures::MEMORY64, "64-bit memory", "build for wasm32"),
    (WasmFeatures::MULTI_MEMORY, "more than one memory", "build with a single memory"),
    (WasmFeatures::GC_TYPES, "external references", "build without externref"),
    (WasmFeatures::EXCEPTIONS.union(WasmFeatures::GC_TYPES), "exceptions", "build without -fwasm-exceptions"),
    (WasmFeatures::LEGACY_EXCEPTIONS, "legacy exceptions", "build without -fwasm-exceptions"),
    (REFERENCES, "typed function references", "build without them"),
    (REFERENCES.union(WasmFeatures::GC), "garbage-collected types", "build to linear memory"),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes", "build with pages of 64 KiB"),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic", "build without -mwide-arithmetic"),
    (WasmFeatures::STACK_SWITCHING, "stack switching", "build without it"),
    (WasmFeatures::MEMORY_CONTROL, "memory control", "build without it"),
    (WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything threads", "build for one thread"),
];

/// Typed references rest on references that a host could hold.
const REFERENCES: WasmFeatures = WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC_TYPES);

/// Everything the profile accepts, as the validator wants it: the MVP, floats, and [`ACCEPTED`].
pub(crate) fn features() -> WasmFeatures {
    ACCEPTED.iter().fold(WasmFeatures::FLOATS, |all, (feature, _)| all | *feature)
}

/// Exports under this prefix belong to the rewrite: a guest that names one is refused.
pub(crate) const RESERVED_PREFIX: &str = "lilypad-1:";

/// Export of the fuel counter: what is left, negative once overdrawn.
pub(crate) const FUEL_EXPORT: &str = "lilypad-1:fuel";

/// Export of the counted stack: what is left, or [`STACK_EXHAUSTED`].
pub(crate) const STACK_EXPORT: &str = "lilypad-1:stack";

/// Export of the module's start function, which the host calls before `_start`.
pub(crate) const START_EXPORT: &str = "lilypad-1:start";

/// Export of the table that holds the hooks of a profiled module: at 0 what is called when a function is entered, at
/// 1 when it is left.
pub(crate) const HOOKS_EXPORT: &str = "lilypad-1:hooks";

/// What the stack counter says when a call had no room.
pub(crate) const STACK_EXHAUSTED: i32 = -1;

/// The function a job begins with.
pub(crate) const ENTRY_EXPORT: &str = "_start";

/// The memory that host calls read and write.
pub(crate) const MEMORY_EXPORT: &str = "memory";

/// A page of linear memory.
pub(crate) const PAGE_BYTES: u64 = 65_536;

/// Pages that a 32-bit memory can have: to grow by more is never paid for, because it never happens.
pub(crate) const PAGES_MAX: u32 = 65_536;

/// Bytes of a module. Compilation takes time and memory in proportion, and nobody pays for it in fuel;
/// 64 MiB holds a Python interpreter or a database several times over.
pub(crate) const MODULE_BYTES_MAX: usize = 64 << 20;

/// Function types. Validation compares them; real modules have hundreds.
pub(crate) const TYPES_MAX: u32 = 20_000;

/// Parameters and results of all function types together. An engine compiles a way in and out for each type: at the
/// limit that takes about a second. Real programs have some thousands.
pub(crate) const TYPE_VALUES_MAX: u64 = 1 << 16;

/// Values that a call, a block or a branch may hand over without being counted for [`HANDED_OVER_MAX`].
pub(crate) const HANDED_FREE: u64 = 16;

/// Values that calls, blocks, branches and functions hand over beyond [`HANDED_FREE`] each, added up: two bytes of a
/// call can come to two thousand moves, which take a compiler about six microseconds each.
pub(crate) const HANDED_OVER_MAX: u64 = 1 << 17;

/// Imports. There are fewer than 50 things to import, but linkers may repeat one.
pub(crate) const IMPORTS_MAX: u32 = 1_000;

/// Functions defined. The engine keeps a record for each even when it is never called.
pub(crate) const FUNCTIONS_MAX: u32 = 200_000;

/// Globals. Position-independent C programs have thousands.
pub(crate) const GLOBALS_MAX: u32 = 20_000;

/// Exports. Names are hashed by the engine at instantiation.
pub(crate) const EXPORTS_MAX: u32 = 20_000;

/// Tables. Compilers emit one; a few more are allowed because reference types offer them.
pub(crate) const TABLES_MAX: u32 = 16;

/// Elements of one table, at start and after growing: a table is host memory of eight bytes an element and
/// outside of the job's memory limit, so all tables together stay below 128 MiB.
pub(crate) const TABLE_ELEMENTS_MAX: u32 = 1 << 20;

/// Element segments, each kept by the engine until dropped.
pub(crate) const ELEMENT_SEGMENTS_MAX: u32 = 20_000;

/// Elements given by expressions, in all segments together: three bytes of a module become some 700 of the engine's.
/// Compilers give functions by their indices, which take four.
pub(crate) const ELEMENT_EXPRESSIONS_MAX: u64 = 1 << 17;

/// Data segments, each kept by the engine until dropped. Go's compiler emits one for each run of constants, more
/// than 50,000 in a program of 6 MB; validators share a limit of 100,000.
pub(crate) const DATA_SEGMENTS_MAX: u32 = 90_000;

/// Bytes of one function's body. Register allocation takes more than linear time in it; SQLite's largest
/// function is a twentieth of this.
pub(crate) const BODY_BYTES_MAX: u64 = 2 << 20;

/// Bytes of one function's body once it is rewritten, as an upper bound. Engines share a limit of 7,654,321.
pub(crate) const REWRITTEN_BODY_BYTES_MAX: u64 = 7 << 20;

/// Bytes of all bodies once they are rewritten, as an upper bound: what a host must hold to compile.
pub(crate) const REWRITTEN_BYTES_MAX: u64 = 512 << 20;

/// Basic blocks of one function. Compilers take time in the square of it; an interpreter's main loop has 4,000.
pub(crate) const BLOCKS_MAX: u64 = 20_000;

/// Sum of the squares of the functions' basic blocks: what compiling a module's control flow costs at worst.
/// A Python interpreter comes to a thirtieth of it.
pub(crate) const BLOCKS_SQUARED_MAX: u64 = 1 << 31;

/// Sum of the functions' locals times their basic blocks: a compiler may have to merge each local's value at the
/// beginning of each block. At the limit that takes some tens of seconds; ten thousand functions of ordinary size,
/// 20 locals and 50 blocks each, come to a twenty-fifth of it.
pub(crate) const LOCALS_BY_BLOCKS_MAX: u64 = 1 << 28;

/// Targets of one `br_table`. Engines share a limit of 65,520; compilers make tables of some thousand.
pub(crate) const BRANCH_TARGETS_MAX: u32 = 32_768;

/// Parameters and locals of one function. Unoptimised C has thousands in its largest functions.
pub(crate) const LOCALS_MAX: u32 = 20_000;

/// Values on the operand stack of one function.
pub(crate) const OPERANDS_MAX: u32 = 20_000;

/// Blocks nested in one function. A `switch` nests one block for each case.
pub(crate) const NESTING_MAX: u32 = 10_000;

/// Height of the counted stack, in counted bytes (see [`frame_bytes`]): tens of thousands of ordinary frames,
/// which is more than native programs get from 8 MiB.
pub(crate) const STACK_BYTES_MAX: i32 = 32 << 20;

/// Counted bytes of every frame: return address, saved registers, alignment.
const FRAME_BASE_BYTES: u64 = 64;

/// Counted bytes of a local or of an operand.
const SLOT_BYTES: u64 = 8;

/// Native bytes that the engine may use for one counted byte before the native stack could end first.
///
/// A native frame holds at most one 16-byte spill slot for each value the function computes, and a function
/// computes a bounded number of values for each of its operators (itself, and what the rewrite adds). That
/// is why operators count: optimisers keep more values alive than the source did.
pub(crate) const NATIVE_BYTES_PER_COUNTED: usize = 16;

/// Counted bytes that a function and all it calls may come to for it to be *small*: it isn't counted, and its calls
/// aren't. The native stack has room for one small function, and all it calls, beyond what is counted.
pub(crate) const SMALL_BYTES_MAX: u32 = 4_096;

/// Fuel that a small function and all it calls may come to, each operator taken once: it pays, but isn't stopped at
/// its entry. A caller's straight-line code can then go on for some milliseconds at most before it is stopped.
pub(crate) const SMALL_FUEL_MAX: u64 = 256;

/// Calls that a small function may have.
pub(crate) const SMALL_CALLS_MAX: usize = 16;

/// Fuel that a region is charged at most for small ones that may not run.
pub(crate) const AHEAD_FUEL_MAX: u64 = 32;

/// Counted bytes of one frame of a function.
///
/// `slots` are its parameters and locals, `operands_max` the deepest its operand stack gets, `operators` the
/// number of operators in its body with the final `end`.
pub(crate) const fn frame_bytes(slots: u32, operands_max: u32, operators: u32) -> u64 {
    FRAME_BASE_BYTES + (slots as u64 + operands_max as u64) * SLOT_BYTES + operators as u64
}
