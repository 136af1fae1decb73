// Replays traces on V8: node --stack-size=… replay.mjs FOLDER
//
// Each NAME.json in the folder is a run of NAME.wasm, written by the tests beside this file. The module runs with the
// trace as its host; every call must come in order with the same arguments, fuel and memory, and the end must be the
// same. Prints the number of runs; the exit code is 1 when one differs.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

// Finished parts of WebAssembly that V8 had behind flags in Node 20; later ones don't know the flags, and need none.
setFlagsFromString('--experimental-wasm-extended-const');
setFlagsFromString('--experimental-wasm-return-call');

const PREFIX = 'lilypad-1:';
const HALT = Symbol('halt');

const digest = (bytes) => createHash('sha3-256').update(bytes).digest('hex');

// V8 has one message for two kinds of failing indirect calls, and messages of its own for the others.
const TRAPS = [
  [/^unreachable/, ['Unreachable', 'StackExhausted']],
  [/^memory access out of bounds/, ['MemoryOutOfBounds']],
  [/^(table|element segment).* out of bounds/, ['TableOutOfBounds']],
  [/^data segment.* out of bounds/, ['MemoryOutOfBounds']],
  [/^(null function|function signature mismatch)/, ['IndirectCallToNull', 'BadSignature']],
  [/^(divide|remainder) by zero/, ['IntegerDivisionByZero']],
  [/^divide result unrepresentable/, ['IntegerOverflow']],
  [/^float unrepresentable in integer range/, ['IntegerOverflow', 'BadConversionToInteger']],
];

function check(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what} is ${actual}, expected ${expected}`);
}

function replay(folder, name) {
  const trace = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const module = new WebAssembly.Module(readFileSync(join(folder, `${name}.wasm`)));
  let next = 0;
  let exports;
  const memory = () => new Uint8Array(exports.memory.buffer);
  const fuel = () => exports[`${PREFIX}fuel`];
  const call = (called, args) => {
    const at = `call ${next}, ${called}`;
    const known = trace.calls[next++];
    if (known === undefined) throw new Error(`${at}: one call too many`);
    check(`${at}: name`, called, known.name);
    const bits = args.map((arg) => (typeof arg === 'bigint' ? BigInt.asUintN(64, arg) : BigInt(arg >>> 0)));
    check(`${at}: arguments`, bits.join(), known.args.join());
    check(`${at}: fuel`, fuel().value.toString(), known.fuel);
    if (known.memory !== null) check(`${at}: memory`, digest(memory()), known.memory);
    for (const [address, hex] of known.writes) memory().set(Buffer.from(hex, 'hex'), address);
    fuel().value = BigInt(known.fuel_after);
    if (known.errno === null) throw HALT;
    return known.errno | 0;
  };
  const imports = {};
  for (const wanted of WebAssembly.Module.imports(module)) {
    imports[wanted.module] ??= {};
    imports[wanted.module][wanted.name] = (...args) => call(`${wanted.module}.${wanted.name}`, args);
  }

  const end = { instantiated: false, halted: false, error: null };
  try {
    exports = new WebAssembly.Instance(module, imports).exports;
    end.instantiated = true;
    fuel().value = BigInt(trace.fuel);
    for (const entry of [`${PREFIX}start`, '_start']) {
      if (exports[entry] === undefined) continue;
      exports[`${PREFIX}stack`].value = trace.stack;
      exports[entry]();
    }
  } catch (error) {
    if (error === HALT) end.halted = true;
    else if (error instanceof WebAssembly.RuntimeError) end.error = error;
    else throw error;
  }

  const expected = trace.end;
  check('calls made', next, trace.calls.length);
  check('instantiated', end.instantiated, expected.instantiated);
  check('halted', end.halted, expected.halted);
  if (expected.trap === null) {
    check('trap', end.error?.message, undefined);
  } else {
    const message = (end.error?.message ?? 'nothing').replace('WebAssembly.Instance(): ', '');
    const kinds = TRAPS.find(([pattern]) => pattern.test(message))?.[1] ?? [];
    if (!kinds.includes(expected.trap)) throw new Error(`trap is '${message}', expected ${expected.trap}`);
  }
  if (!end.instantiated) return;
  check('fuel', fuel().value.toString(), expected.fuel);
  check('stack', exports[`${PREFIX}stack`].value, expected.stack);
  if (expected.memory === null) return;
  check('memory', digest(memory()), expected.memory);
  const bits = new DataView(new ArrayBuffer(8));
  for (const [global, value] of expected.globals) {
    let actual;
    try {
      actual = exports[global].value;
    } catch {
      continue; // JavaScript can't look at a vector.
    }
    if (typeof actual === 'bigint') {
      check(`global ${global}`, BigInt.asUintN(64, actual).toString(), value);
      continue;
    }
    // A number doesn't say whether it was an integer, a single or a double, and a NaN loses its payload.
    bits.setUint32(0, actual);
    const ways = [bits.getUint32(0).toString()];
    bits.setFloat32(0, actual);
    ways.push(bits.getUint32(0).toString());
    bits.setFloat64(0, actual);
    ways.push(bits.getBigUint64(0).toString());
    if (!Number.isNaN(actual) && !ways.includes(value)) {
      throw new Error(`global ${global} is ${actual}, expected the bits ${value}`);
    }
  }
}

const folder = process.argv[2];
const names = readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5)).sort();
let failed = 0;
for (const name of names) {
  try {
    replay(folder, name);
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${error.message}`);
  }
}
console.log(`${names.length - failed} of ${names.length} runs are the same on V8 ${process.versions.v8}`);
process.exitCode = failed === 0 && names.length > 0 ? 0 : 1;
