//! Small modules that do one kind of thing, over and over: what an operator takes at worst (each waits for the one
//! before) and at best (several chains side by side).

/// A module with an export `run` that repeats its loop as often as its parameter says.
#[derive(Debug, Clone)]
pub(crate) struct Gadget {
    pub(crate) name: String,
    pub(crate) wat: String,
    /// Operators of interest in one turn of the loop.
    pub(crate) times: u32,
    /// Whether the fit uses it; if not it is only shown.
    pub(crate) fitted: bool,
}

/// How often the operators of a chain stand in one turn.
const TIMES: u32 = 64;

/// Chains side by side, few enough to stay in registers.
const CHAINS: u32 = 4;

/// A value of a type: the chain's beginning, and the other operands.
struct Values {
    ty: &'static str,
    start: &'static str,
    others: [&'static str; 3],
}

const I32: Values = Values { ty: "i32", start: "0x7ffffff1", others: ["3", "0x1234567", "77"] };
const I64: Values = Values { ty: "i64", start: "0x7ffffffffffffff1", others: ["3", "0x123456789abc", "77"] };
/// Quotients as long as they get, remainders that leave the number as it is.
const I32_BY_1: Values = Values { ty: "i32", start: "0x7ffffff1", others: ["1", "1", "1"] };
const I64_BY_1: Values = Values { ty: "i64", start: "0x7ffffffffffffff1", others: ["1", "1", "1"] };
const F32: Values = Values { ty: "f32", start: "1.5", others: ["1.0000001", "0.9999999", "1.0000002"] };
const F64: Values =
    Values { ty: "f64", start: "1.5", others: ["1.0000000001", "0.9999999999", "1.0000000002"] };
const V128: Values = Values {
    ty: "v128",
    start: "f32x4 1.5 1.25 1.125 1.0625",
    others: ["f32x4 1.0000001 1.0 1.0 1.0", "f32x4 0.9999999 1.0 1.0 1.0", "f32x4 1.0000002 1.0 1.0 1.0"],
};
const V128_F64: Values = Values {
    ty: "v128",
    start: "f64x2 1.5 1.25",
    others: ["f64x2 1.0000001 1.0", "f64x2 0.9999999 1.0", "f64x2 1.0000002 1.0"],
};
/// An address that holds itself.
const ADDRESS: Values = Values { ty: "i32", start: "0", others: ["0", "0", "0"] };

/// What every module has. `$zero` and `$one` are not known to the compiler.
const COMMON: &str = r#"
    (memory (export "memory") 2 65536)
    (table $t 1024 65536 funcref)
    (elem (i32.const 0) $id $id2)
    (elem declare func $id)
    (type $unary (func (param i32) (result i32)))
    (func $id (type $unary) local.get 0)
    (func $id2 (type $unary) local.get 0 i32.const 1 i32.xor)
    (func $six (param i32 i32 i32 i32 i32 i32) (result i32) local.get 0 local.get 5 i32.xor)
    (global $zero (mut i32) (i32.const 0))
    (global $one (mut i32) (i32.const 1))
    (global $long (mut i64) (i64.const 1))"#;

fn module(definitions: &str, locals: &str, before: &str, turn: &str, after: &str) -> String {
    format!(
        r#"(module {COMMON} {definitions}
        (func (export "run") (param $n i32)
            (local $zero i32) (local $one i32) (local $long i64) {locals}
            global.get $zero local.set $zero global.get $one local.set $one global.get $long local.set $long
            {before}
            (loop $again
                {turn}
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            {after}))"#
    )
}

/// Chains of an operator with a value on the stack: `{y}` is another operand, `{i}` a number that grows.
fn chain(name: &str, values: &Values, chains: u32, op: &str) -> Gadget {
    let ty = values.ty;
    let mut definitions = format!("(global $x (mut {ty}) ({ty}.const {}))", values.start);
    let (mut locals, mut before, mut turn, mut after) =
        (String::new(), String::new(), String::new(), String::new());
    for (index, value) in values.others.iter().enumerate() {
        definitions += &format!("(global $y{index} (mut {ty}) ({ty}.const {value}))");
        locals += &format!("(local $y{index} {ty})");
        before += &format!("global.get $y{index} local.set $y{index} ");
    }
    let mut number = 0;
    for chain in 0..chains {
        locals += &format!("(local $x{chain} {ty})");
        before += &format!("global.get $x local.set $x{chain} ");
        turn += &format!("local.get $x{chain} ");
        for _ in 0..TIMES / chains {
            let y = format!("local.get $y{}", number % 3);
            turn += &op.replace("{y}", &y).replace("{i}", &(number * 16).to_string());
            turn += " ";
            number += 1;
        }
        turn += &format!("local.set $x{chain}\n");
        after += &format!("local.get $x{chain} global.set $x ");
    }
    let wat = module(&definitions, &locals, &before, &turn, &after);
    let name = format!("{name}{}", if chains == 1 { ", each after the other" } else { "" });
    Gadget { name, wat, times: TIMES, fitted: true }
}

/// Statements that leave nothing behind, `{i}` a number that grows.
fn statements(name: &str, op: &str) -> Gadget {
    let turn: String =
        (0..TIMES).map(|number| op.replace("{i}", &(number * 16).to_string()) + "\n").collect();
    let wat = module("", "(local $a i32) (local $b i32)", "", &turn, "");
    Gadget { name: name.to_owned(), wat, times: TIMES, fitted: true }
}

/// All of them.
pub(crate) fn all() -> Vec<Gadget> {
    let mut gadgets = Vec::new();
    for (name, values, op) in chains() {
        gadgets.push(chain(name, values, 1, op));
        gadgets.push(chain(name, values, CHAINS, op));
    }
    gadgets.extend(others());
    gadgets
}

fn chains() -> Vec<(&'static str, &'static Values, &'static str)> {
    let mut all = vec![
        ("i32.add", &I32, "{y} i32.add"),
        ("i64.sub", &I64, "{y} i64.sub"),
        ("i32.xor", &I32, "{y} i32.xor"),
        ("i32.shl", &I32, "{y} i32.shl {y} i32.add"),
        ("i64.rotl", &I64, "{y} i64.rotl {y} i64.add"),
        ("i64.shr_s", &I64, "{y} i64.shr_s {y} i64.xor"),
        ("i32.lt_u", &I32, "{y} i32.lt_u"),
        ("i32.eqz", &I32, "{y} i32.add i32.eqz"),
        ("i64.extend_i32_u", &I64, "i32.wrap_i64 i64.extend_i32_u {y} i64.add"),
        ("i32.extend8_s", &I32, "i32.extend8_s {y} i32.add"),
        ("constants", &I32, "i32.const 0x1234567 i32.xor i32.const 77 i32.add"),
        ("select", &I32, "{y} i32.add {y} local.get $one select"),
        ("i32.mul", &I32, "{y} i32.mul"),
        ("i64.mul", &I64, "{y} i64.mul"),
        ("i32.clz", &I32, "i32.clz {y} i32.add"),
        ("i64.ctz", &I64, "i64.ctz {y} i64.add"),
        ("i32.popcnt", &I32, "i32.popcnt {y} i32.add"),
        ("i64.popcnt", &I64, "i64.popcnt {y} i64.add"),
        ("i32.div_u", &I32_BY_1, "{y} i32.div_u"),
        ("i32.div_s", &I32_BY_1, "{y} i32.div_s"),
        ("i32.rem_s", &I32, "{y} i32.rem_s i32.const 0x70000000 i32.or"),
        ("i64.div_u", &I64_BY_1, "{y} i64.div_u"),
        ("i64.div_s", &I64_BY_1, "{y} i64.div_s"),
        ("i64.rem_u", &I64, "{y} i64.rem_u i64.const 0x7000000000000000 i64.or"),
        ("f32.add", &F32, "{y} f32.add"),
        ("f64.mul", &F64, "{y} f64.mul"),
        ("f32.min", &F32, "{y} f32.min"),
        ("f64.max", &F64, "{y} f64.max"),
        ("f32.div", &F32, "{y} f32.div"),
        ("f64.div", &F64, "{y} f64.div"),
        ("f32.sqrt", &F32, "f32.sqrt"),
        ("f64.sqrt", &F64, "f64.sqrt"),
        ("f32.floor", &F32, "f32.floor {y} f32.add"),
        ("f64.nearest", &F64, "f64.nearest {y} f64.add"),
        ("f64.neg", &F64, "f64.neg {y} f64.add"),
        ("f64.copysign", &F64, "{y} f64.copysign {y} f64.add"),
        ("f64.lt", &F64, "{y} f64.lt f64.convert_i32_s"),
        ("f64.convert_i64_u", &F64, "i64.trunc_f64_s f64.convert_i64_u"),
        ("f32.convert_i32_u", &F32, "i32.trunc_f32_s f32.convert_i32_u"),
        ("i32.trunc_f64_s", &F64, "i32.trunc_f64_s f64.convert_i32_s"),
        ("i64.trunc_f32_u", &F32, "i64.trunc_f32_u f32.convert_i64_s"),
        ("i64.trunc_f64_u", &F64, "i64.trunc_f64_u f64.convert_i64_s"),
        ("i32.trunc_sat_f64_s", &F64, "i32.trunc_sat_f64_s f64.convert_i32_s"),
        ("i64.trunc_sat_f64_u", &F64, "i64.trunc_sat_f64_u f64.convert_i64_s"),
        ("f32.demote_f64", &F64, "f32.demote_f64 f64.promote_f32 {y} f64.add"),
        ("reinterpret", &F64, "i64.reinterpret_f64 local.get $long i64.xor f64.reinterpret_i64"),
        ("i32.load", &ADDRESS, "i32.load"),
        ("i64.load8_u", &ADDRESS, "i64.load8_u i32.wrap_i64"),
        ("i32.load offset", &I32, "local.get $zero i32.load offset={i} i32.add"),
        ("f64.load", &F64, "local.get $zero f64.load offset={i} f64.add"),
        ("global.get", &I32, "global.set $x global.get $x {y} i32.add"),
        ("memory.size", &I32, "memory.size i32.add"),
        ("table.get", &ADDRESS, "table.get $t ref.is_null"),
        ("ref.func", &I32, "ref.func $id ref.is_null i32.add"),
        ("call", &I32, "call $id"),
        ("call, six parameters", &I32, "{y} {y} {y} {y} {y} call $six"),
        ("call_indirect", &I32, "local.get $zero call_indirect (type $unary)"),
    ];
    all.extend(vectors());
    all
}

fn vectors() -> Vec<(&'static str, &'static Values, &'static str)> {
    vec![
        ("i32x4.add", &V128, "{y} i32x4.add"),
        ("v128.xor", &V128, "{y} v128.xor"),
        ("v128.bitselect", &V128, "{y} local.get $y0 v128.bitselect"),
        ("i8x16.min_u", &V128, "{y} i8x16.min_u"),
        ("i64x2.gt_s", &V128, "{y} i64x2.gt_s"),
        ("i64x2.abs", &V128, "i64x2.abs {y} i64x2.add"),
        ("i8x16.avgr_u", &V128, "{y} i8x16.avgr_u"),
        ("i8x16.narrow_i16x8_s", &V128, "{y} i8x16.narrow_i16x8_s"),
        ("i16x8.extend_low_i8x16_u", &V128, "i16x8.extend_low_i8x16_u {y} i16x8.add"),
        ("i16x8.extadd_pairwise", &V128, "i16x8.extadd_pairwise_i8x16_s {y} i16x8.add"),
        ("i32x4.extmul_low", &V128, "{y} i32x4.extmul_low_i16x8_s"),
        ("i64x2.extmul_low", &V128, "{y} i64x2.extmul_low_i32x4_u"),
        ("i32x4.shl", &V128, "local.get $one i32x4.shl {y} v128.xor"),
        ("i16x8.mul", &V128, "{y} i16x8.mul"),
        ("i32x4.mul", &V128, "{y} i32x4.mul"),
        ("i32x4.dot_i16x8_s", &V128, "{y} i32x4.dot_i16x8_s"),
        ("i16x8.q15mulr_sat_s", &V128, "{y} i16x8.q15mulr_sat_s"),
        ("i64x2.mul", &V128, "{y} i64x2.mul"),
        ("i8x16.shl", &V128, "local.get $one i8x16.shl {y} v128.xor"),
        ("i8x16.shr_s", &V128, "local.get $one i8x16.shr_s {y} v128.xor"),
        ("i64x2.shr_s", &V128, "local.get $one i64x2.shr_s {y} v128.xor"),
        ("i8x16.popcnt", &V128, "i8x16.popcnt {y} v128.xor"),
        ("i8x16.shuffle", &V128, "{y} i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31"),
        ("i8x16.swizzle", &V128, "{y} i8x16.swizzle {y} v128.xor"),
        ("i8x16.bitmask", &V128, "i8x16.bitmask i32x4.splat {y} v128.xor"),
        ("i32x4.all_true", &V128, "i32x4.all_true i32x4.splat {y} v128.xor"),
        ("v128.any_true", &V128, "v128.any_true i8x16.splat {y} v128.xor"),
        ("i32x4 lanes", &V128, "i32x4.extract_lane 1 i32x4.splat {y} v128.xor"),
        ("i64x2.replace_lane", &V128, "local.get $long i64x2.replace_lane 1 {y} v128.xor"),
        ("f32x4.add", &V128, "{y} f32x4.add"),
        ("f64x2.mul", &V128_F64, "{y} f64x2.mul"),
        ("f32x4.min", &V128, "{y} f32x4.min"),
        ("f64x2.max", &V128_F64, "{y} f64x2.max"),
        ("f32x4.pmin", &V128, "{y} f32x4.pmin"),
        ("f32x4.lt", &V128, "{y} f32x4.lt"),
        ("f32x4.div", &V128, "{y} f32x4.div"),
        ("f64x2.div", &V128_F64, "{y} f64x2.div"),
        ("f32x4.sqrt", &V128, "f32x4.sqrt"),
        ("f64x2.sqrt", &V128_F64, "f64x2.sqrt"),
        ("f32x4.ceil", &V128, "f32x4.ceil {y} f32x4.add"),
        ("f64x2.nearest", &V128_F64, "f64x2.nearest {y} f64x2.add"),
        ("f32x4.convert_i32x4_s", &V128, "f32x4.convert_i32x4_s {y} v128.xor"),
        ("f32x4.convert_i32x4_u", &V128, "f32x4.convert_i32x4_u {y} v128.xor"),
        ("f64x2.convert_low_i32x4_u", &V128, "f64x2.convert_low_i32x4_u {y} v128.xor"),
        ("i32x4.trunc_sat_f32x4_s", &V128, "i32x4.trunc_sat_f32x4_s {y} v128.xor"),
        ("i32x4.trunc_sat_f32x4_u", &V128, "i32x4.trunc_sat_f32x4_u {y} v128.xor"),
        ("i32x4.trunc_sat_f64x2_u_zero", &V128, "i32x4.trunc_sat_f64x2_u_zero {y} v128.xor"),
        ("f32x4.demote_f64x2_zero", &V128_F64, "f32x4.demote_f64x2_zero {y} v128.xor"),
        ("f64x2.promote_low_f32x4", &V128, "f64x2.promote_low_f32x4 {y} v128.xor"),
        ("v128.load", &V128, "local.get $zero v128.load offset={i} v128.xor"),
        ("v128.load8_splat", &V128, "local.get $zero v128.load8_splat offset={i} v128.xor"),
        ("v128.load16x4_s", &V128, "local.get $zero v128.load16x4_s offset={i} v128.xor"),
        ("v128.load32_zero", &V128, "local.get $zero v128.load32_zero offset={i} v128.xor"),
    ]
}

fn others() -> Vec<Gadget> {
    let shown = |mut gadget: Gadget| {
        gadget.fitted = false;
        gadget
    };
    // A pseudo-random bit, for branches that can't be foreseen.
    let random = "local.get $a i32.const 1664525 i32.mul i32.const 1013904223 i32.add local.tee $a \
                  i32.const 29 i32.shr_u";
    vec![
        shown(Gadget { times: 1, ..statements("an empty turn", "") }),
        statements("i32.store", "local.get $zero local.get $n i32.store offset={i}"),
        statements("i64.store8", "local.get $zero local.get $long i64.store8 offset={i}"),
        statements("f64.store", "local.get $zero f64.const 1.5 f64.store offset={i}"),
        statements("v128.store", "local.get $zero v128.const i32x4 1 2 3 4 v128.store offset={i}"),
        // It leaves no instruction behind: a row of nothing would pull everything towards nothing.
        shown(statements("local.set", "local.get $a local.get $b local.set $a local.set $b")),
        statements("br_if, not taken", "block local.get $zero br_if 0 local.get $n local.set $a end"),
        statements("br_if, taken", "block local.get $one br_if 0 local.get $n local.set $a end"),
        statements("if", "local.get $n if local.get $n local.set $a else local.get $zero local.set $b end"),
        statements("br_table", "block block block local.get $one br_table 0 1 2 end end end"),
        statements("table.set", "local.get $one local.get $one table.get $t table.set $t"),
        shown(statements(
            "if, not foreseeable",
            &format!("{random} i32.const 4 i32.and if local.get $b i32.const 1 i32.add local.set $b end"),
        )),
        shown(statements(
            "br_table, not foreseeable",
            &format!(
                "block block block block {random} br_table 0 1 2 3 2 1 0 3 end \
                 local.get $b i32.const 1 i32.add local.set $b end \
                 local.get $b i32.const 3 i32.mul local.set $b end \
                 local.get $b i32.const 7 i32.xor local.set $b end"
            ),
        )),
        tail_calls(),
        shown(far_loads("i32.load, scattered over 256 MiB", 4096)),
        shown(far_loads("i32.load, scattered over 1 MiB", 16)),
    ]
}

fn tail_calls() -> Gadget {
    let definitions =
        "(func $down (param i32) local.get 0 if local.get 0 i32.const 1 i32.sub return_call $down end)";
    let turn = format!("i32.const {TIMES} call $down");
    Gadget {
        name: "return_call".into(),
        wat: module(definitions, "", "", &turn, ""),
        times: TIMES,
        fitted: true,
    }
}

/// Loads that each give the next one's address, all over so many pages of 64 KiB: what no cache holds.
fn far_loads(name: &str, pages: u32) -> Gadget {
    let bytes = pages << 16;
    // A full-period generator over the words of 64 bytes gives a ring through all of them.
    let lines = bytes / 64;
    let before = format!(
        "(if (i32.lt_u (memory.size) (i32.const {pages})) (then
            (drop (memory.grow (i32.const {pages})))
            (local.set $c (i32.const {lines}))
            (loop $fill
                (i32.store (i32.mul (local.get $a) (i32.const 64))
                    (i32.mul (local.tee $b (i32.and (i32.add (i32.mul (local.get $a) (i32.const 1664525))
                        (i32.const 1013904223)) (i32.const {mask}))) (i32.const 64)))
                (local.set $a (local.get $b))
                (br_if $fill (local.tee $c (i32.sub (local.get $c) (i32.const 1)))))
            (local.set $a (i32.const 0))))",
        mask = lines - 1
    );
    let turn = format!("local.get $a {} local.set $a", "i32.load ".repeat(TIMES as usize));
    let locals = "(local $a i32) (local $b i32) (local $c i32)";
    Gadget {
        name: name.to_owned(),
        wat: module("", locals, &before, &turn, "local.get $a global.set $zero"),
        times: TIMES,
        fitted: false,
    }
}
