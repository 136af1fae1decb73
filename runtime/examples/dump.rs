//! temp
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let wasm = std::fs::read(&args[1]).unwrap();
    let engine = lilypad_runtime::testing::engine(Default::default()).unwrap();
    let out =
        if args[2] == "plain" { wasm } else { lilypad_runtime::testing::rewrite_any(&wasm).unwrap().fast };
    std::fs::write(format!("{}.wasm", args[3]), &out).unwrap();
    let module = wasmtime::Module::new(&engine, &out).unwrap();
    std::fs::write(format!("{}.elf", args[3]), module.serialize().unwrap()).unwrap();
}
