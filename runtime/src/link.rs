//! The host functions' one doorway: from an engine's typed calls to the table of the virtual world.
//!
//! What a function does is the world's matter; here stands only how arguments, memory and fuel get there and
//! back. Nothing of the host can reach a guest this way.

use crate::{
    bounds::Bounds,
    fuel_profile::Recorder,
    wasi::{FUNCTIONS, Halt, HostFunction, ValType2, World},
};
use std::fmt;
use wasmtime::{Caller, Engine, Global, Linker, Memory, Val};

/// One guest and its surroundings, as host functions find them.
pub(crate) struct Guest {
    pub(crate) world: World,
    pub(crate) doorway: Option<Doorway>,
    /// Why a host function ended the guest.
    pub(crate) halt: Option<Halt>,
    /// Takes down who uses the fuel, when that is asked.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) bounds: Bounds,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("halt", &self.halt).finish_non_exhaustive()
    }
}

/// What host functions need of the instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doorway {
    pub(crate) memory: Memory,
    pub(crate) fuel: Global,
    pub(crate) stack: Global,
}

/// Ends a guest from within a host function; why is in [`Guest::halt`].
#[derive(Debug, thiserror::Error)]
#[error("halted by a host function")]
struct Halted;

/// Gives every function of the WASI room to an engine.
pub(crate) fn link(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    for (index, known) in FUNCTIONS.iter().enumerate() {
        link_one(&mut linker, index, known)?;
    }
    Ok(linker)
}

/// The engine's types for the table's.
mod native {
    pub(super) type I32 = i32;
    pub(super) type I64 = i64;
}

/// An argument as the world takes it: an `i32` zero-extended.
trait Bits {
    fn bits(self) -> u64;
}

impl Bits for i32 {
    fn bits(self) -> u64 {
        self.cast_unsigned().into()
    }
}

impl Bits for i64 {
    fn bits(self) -> u64 {
        self.cast_unsigned()
    }
}

/// A typed function for each shape of parameters in the table: the engine then passes arguments in registers,
/// where an untyped one has every call boxed, checked and unboxed.
macro_rules! by_shape {
    ($linker:ident, $index:ident, $known:ident; $([$($name:ident $ty:ident),*])*) => {
        match ($known.params, $known.results) {
            $(([$(ValType2::$ty),*], [ValType2::I32]) => {
                $linker.func_wrap(
                    $known.namespace,
                    $known.name,
                    move |caller: Caller<'_, Guest>, $($name: native::$ty),*| -> wasmtime::Result<i32> {
                        host_call(caller, $index, &[$($name.bits()),*])
                    },
                )?;
            })*
            ([ValType2::I32], []) => {
                $linker.func_wrap(
                    $known.namespace,
                    $known.name,
                    move |caller: Caller<'_, Guest>, a: i32| -> wasmtime::Result<()> {
                        host_call(caller, $index, &[a.bits()]).map(drop)
                    },
                )?;
            }
            _ => return Err(wasmtime::format_err!("'{}' has a shape that link.rs doesn't list", $known.name)),
        }
    };
}

fn link_one(linker: &mut Linker<Guest>, index: usize, known: &'static HostFunction) -> wasmtime::Result<()> {
    by_shape!(linker, index, known;
        []
        [a I32]
        [a I32, b I32]
        [a I32, b I64]
        [a I32, b I32, c I32]
        [a I32, b I64, c I32]
        [a I32, b I64, c I64]
        [a I32, b I32, c I32, d I32]
        [a I32, b I64, c I32, d I32]
        [a I32, b I64, c I64, d I32]
        [a I32, b I32, c I32, d I32, e I32]
        [a I32, b I32, c I32, d I64, e I32]
        [a I32, b I32, c I32, d I32, e I32, f I32]
        [a I32, b I32, c I32, d I32, e I32, f I32, g I32]
        [a I32, b I32, c I32, d I32, e I64, f I64, g I32]
        [a I32, b I32, c I32, d I32, e I32, f I64, g I64, h I32, i I32]
    );
    Ok(())
}

/// The one way from a guest to its world.
fn host_call(mut caller: Caller<'_, Guest>, function: usize, args: &[u64]) -> wasmtime::Result<i32> {
    let doorway = caller.data().doorway.ok_or_else(|| wasmtime::format_err!("called before it was ready"))?;
    // An overdrawn counter is none: a guest in debt gets nothing more done.
    let Ok(mut fuel_left) = u64::try_from(doorway.fuel.get(&mut caller).i64().unwrap_or(-1)) else {
        caller.data_mut().halt = Some(Halt::OutOfFuel);
        return Err(Halted.into());
    };
    let (memory, guest) = doorway.memory.data_and_store_mut(&mut caller);
    let answer = guest.world.call(function, args, memory, &mut fuel_left);
    if let Err(halt) = answer {
        guest.halt = Some(halt);
    }
    // The limit is far below the sign bit and calls only take.
    doorway.fuel.set(&mut caller, Val::I64(i64::try_from(fuel_left).unwrap_or(0)))?;
    answer.map(u32::cast_signed).map_err(|_| Halted.into())
}
