"""Runs a WASI program under the wasmtime wheel with its own fuel and its NaN switch.

Says on stderr what CPU time `_start` took, in microseconds; with --start N, what making an instance and running it
takes in the middle of N times, the module being compiled.
"""

import statistics
import sys
import time

from wasmtime import Config, Engine, Linker, Module, Store, WasiConfig

config = Config()
config.consume_fuel = True
config.cranelift_nan_canonicalization = True
engine = Engine(config)
linker = Linker(engine)
linker.define_wasi()
module = Module.from_file(engine, sys.argv[1])


def run() -> tuple[float, float]:
    begin = time.perf_counter()
    store = Store(engine)
    store.set_fuel(1 << 50)
    wasi = WasiConfig()
    wasi.argv = ["kernel"]
    wasi.inherit_stdout()
    store.set_wasi(wasi)
    instance = linker.instantiate(store, module)
    start = instance.exports(store)["_start"]
    before = time.thread_time()
    try:
        start(store)
    except Exception as error:  # proc_exit(0) comes as a trap
        if getattr(error, "code", 0):
            raise
    return time.thread_time() - before, time.perf_counter() - begin


if len(sys.argv) > 2:
    times = [run()[1] for _ in range(int(sys.argv[3]))]
    print(round(statistics.median(times) * 1e6), file=sys.stderr)
else:
    print(round(run()[0] * 1e6), file=sys.stderr)
