//! Any bytes: admission and the rewrite never panic, and what is admitted becomes two valid modules of foreseen size.
//!
//! The first byte chooses: an even one takes the rest as a module, an odd one has a module made of it.
#![no_main]

use libfuzzer_sys::{arbitrary::Unstructured, fuzz_target};
use lilypad_runtime::{fuzzing, inspect};
use wasmparser::{Parser, Payload, Validator};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    if first & 1 == 0 {
        check(rest);
    } else if let Some(module) = made(*first, rest) {
        check(&module);
    }
});

/// A module out of bytes: of the accepted features mostly, with `_start` and a memory in three of four.
fn made(choice: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    const SHAPE: &[u8] = &[
        0, b'a', b's', b'm', 1, 0, 0, 0, // header
        1, 4, 1, 0x60, 0, 0, // () -> ()
        3, 2, 1, 0, // one function
        5, 3, 1, 0, 1, // one memory of a page
        7, 19, 2, 6, b'm', b'e', b'm', b'o', b'r', b'y', 2, 0, 6, b'_', b's', b't', b'a', b'r', b't', 0, 0,
        10, 4, 1, 2, 0, 0x0b,
    ];
    let odd = choice & 0xf0 == 0xf0;
    let config = wasm_smith::Config {
        exports: (choice & 6 != 0).then(|| SHAPE.to_vec()),
        max_imports: 0,
        max_memories: 1,
        max_instructions: 300,
        max_memory32_bytes: 1 << 20,
        tail_call_enabled: choice & 8 != 0,
        exceptions_enabled: odd,
        gc_enabled: odd,
        memory64_enabled: odd,
        relaxed_simd_enabled: odd,
        threads_enabled: odd,
        wide_arithmetic_enabled: odd,
        ..wasm_smith::Config::default()
    };
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(bytes)).ok()?;
    Some(module.to_bytes())
}

fn check(wasm: &[u8]) {
    let report = inspect(wasm);
    match fuzzing::rewrite(wasm) {
        Err(refusal) => assert_eq!(report.refusal, Some(refusal), "two looks at one module"),
        Ok(rewritten) => {
            assert_eq!(report.refusal, None, "two looks at one module");
            // What is admitted is valid by itself.
            validate(wasm, "admitted");
            for (name, module) in [("fast", &rewritten.fast), ("exact", &rewritten.exact)] {
                validate(module, name);
                let bytes = body_bytes(module);
                let max = rewritten.body_bytes_max;
                assert!(bytes <= max, "{name}: bodies of {bytes} bytes, and at most {max} were foreseen");
            }
            let again = fuzzing::rewrite(wasm).map(|again| (again.fast, again.exact));
            assert_eq!(again, Ok((rewritten.fast, rewritten.exact)), "the rewrite differs from itself");
        }
    }
}

fn validate(module: &[u8], name: &str) {
    if let Err(error) = Validator::new_with_features(fuzzing::features()).validate_all(module) {
        panic!("{name} module is not valid: {error}");
    }
}

fn body_bytes(module: &[u8]) -> u64 {
    let payloads = Parser::new(0).parse_all(module).map_while(Result::ok);
    payloads
        .map(|payload| match payload {
            Payload::CodeSectionEntry(body) => body.as_bytes().len() as u64,
            _ => 0,
        })
        .sum()
}
