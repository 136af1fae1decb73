#!/usr/bin/env python3
"""Replays traces on the wasmtime of Python's package index: replay.py FOLDER

Each NAME.json in the folder is a run of NAME.wasm, written by the tests beside this file. The module runs with the
trace as its host; every call must come in order with the same arguments, fuel and memory, and the end must be the
same. Prints the number of runs; the exit code is 1 when one differs.
"""

import ctypes
import hashlib
import json
import platform
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import wasmtime
from wasmtime import _bindings as bindings
from wasmtime import Config, Engine, Func, Global, Instance, Memory, Module, Store, Trap, TrapCode, ValType

PREFIX = "lilypad-1:"
# The counted stack is to end first.
NATIVE_STACK_BYTES = 576 << 20
THREAD_STACK_BYTES = 640 << 20

TRAPS = {
    TrapCode.UNREACHABLE: {"Unreachable", "StackExhausted"},
    TrapCode.MEMORY_OUT_OF_BOUNDS: {"MemoryOutOfBounds"},
    TrapCode.TABLE_OUT_OF_BOUNDS: {"TableOutOfBounds"},
    TrapCode.INDIRECT_CALL_TO_NULL: {"IndirectCallToNull"},
    TrapCode.BAD_SIGNATURE: {"BadSignature"},
    TrapCode.INTEGER_OVERFLOW: {"IntegerOverflow"},
    TrapCode.INTEGER_DIVISION_BY_ZERO: {"IntegerDivisionByZero"},
    TrapCode.BAD_CONVERSION_TO_INTEGER: {"BadConversionToInteger"},
}


class Halt(Exception):
    """A host function that doesn't give control back."""


class Differs(Exception):
    """What is not as the trace says."""


def check(what, actual, expected):
    if actual != expected:
        raise Differs(f"{what} is {actual}, expected {expected}")


def unsigned(value, ty):
    return value % (1 << (64 if ty == ValType.i64() else 32))


class Replay:
    def __init__(self, engine, folder, name):
        self.trace = json.loads((folder / f"{name}.json").read_text())
        self.module = Module.from_file(engine, str(folder / f"{name}.wasm"))
        self.store = Store(engine)
        self.next = 0
        self.exports = None
        self.differs = None

    def memory(self):
        memory = self.exports["memory"]
        size = memory.data_len(self.store)
        return (ctypes.c_ubyte * size).from_address(ctypes.addressof(memory.data_ptr(self.store).contents))

    def digest(self):
        return hashlib.sha3_256(self.memory()).hexdigest()

    def fuel(self):
        return self.exports[PREFIX + "fuel"]

    def call(self, called, types, args):
        at = f"call {self.next}, {called}"
        if self.next == len(self.trace["calls"]):
            raise Differs(f"{at}: one call too many")
        known = self.trace["calls"][self.next]
        self.next += 1
        check(f"{at}: name", called, known["name"])
        check(f"{at}: arguments", [str(unsigned(arg, ty)) for arg, ty in zip(args, types)], known["args"])
        check(f"{at}: fuel", str(self.fuel().value(self.store)), known["fuel"])
        if known["memory"] is not None:
            check(f"{at}: memory", self.digest(), known["memory"])
        memory = self.memory()
        for address, text in known["writes"]:
            data = bytes.fromhex(text)
            memory[address : address + len(data)] = data
        self.fuel().set_value(self.store, int(known["fuel_after"]))
        if known["errno"] is None:
            raise Halt
        return known["errno"]

    def host(self, wanted):
        called, types = f"{wanted.module}.{wanted.name}", wanted.type.params
        has_result = bool(wanted.type.results)

        def function(*args):
            try:
                errno = self.call(called, types, args)
            except Differs as differs:
                self.differs = differs
                raise
            return errno if has_result else None

        return Func(self.store, wanted.type, function)

    def run(self):
        trap, halted, instantiated = None, False, False
        try:
            instance = Instance(self.store, self.module, [self.host(wanted) for wanted in self.module.imports])
            self.exports = instance.exports(self.store)
            instantiated = True
            self.fuel().set_value(self.store, int(self.trace["fuel"]))
            for entry in (PREFIX + "start", "_start"):
                if entry in self.exports:
                    self.exports[PREFIX + "stack"].set_value(self.store, self.trace["stack"])
                    self.exports[entry](self.store)
        except Halt:
            halted = True
        except Trap as error:
            trap = error
        if self.differs:
            raise self.differs
        self.end(instantiated, halted, trap)

    def end(self, instantiated, halted, trap):
        expected = self.trace["end"]
        check("calls made", self.next, len(self.trace["calls"]))
        check("instantiated", instantiated, expected["instantiated"])
        check("halted", halted, expected["halted"])
        if expected["trap"] is None:
            check("trap", trap and trap.message, None)
        elif expected["trap"] not in TRAPS.get(trap and trap.trap_code, ()):
            raise Differs(f"trap is {trap and trap.trap_code}, expected {expected['trap']}")
        if not instantiated:
            return
        check("fuel", str(self.fuel().value(self.store)), expected["fuel"])
        check("stack", self.exports[PREFIX + "stack"].value(self.store), expected["stack"])
        if expected["memory"] is not None:
            check("memory", self.digest(), expected["memory"])


def replay(folder, failed, names):
    config = Config()
    # The larger of the two first; the wheel has no setter of its own for it.
    bindings.wasmtime_config_async_stack_size_set(config.ptr(), NATIVE_STACK_BYTES)
    config.max_wasm_stack = NATIVE_STACK_BYTES
    engine = Engine(config)
    for name in names:
        try:
            Replay(engine, folder, name).run()
        except (Differs, wasmtime.WasmtimeError) as error:
            failed.append(name)
            print(f"{name}: {error}", file=sys.stderr)
        except BaseException:
            failed.append(name)
            raise


def main():
    folder, failed = Path(sys.argv[1]), []
    names = sorted(path.stem for path in folder.glob("*.json"))
    threading.stack_size(THREAD_STACK_BYTES)
    thread = threading.Thread(target=replay, args=(folder, failed, names))
    thread.start()
    thread.join()
    same = len(names) - len(failed)
    print(f"{same} of {len(names)} runs are the same on wasmtime {version('wasmtime')}, {platform.machine()}")
    sys.exit(1 if failed or not names else 0)


main()
