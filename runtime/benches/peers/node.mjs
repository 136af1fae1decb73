// Runs a WASI program under Node and says on stderr what CPU time `_start` took, in microseconds. Compiling lazily and
// again is how V8 runs a module, so it counts.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1", args: ["kernel"] });
const module = await WebAssembly.compile(readFileSync(process.argv[2]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
const before = process.cpuUsage();
wasi.start(instance);
const used = process.cpuUsage(before);
process.stderr.write(`${used.user + used.system}\n`);
