;; Bits of NaNs go to host calls as integers, by memory, and by the journal: always the one NaN.
;;ends exited 0
(module
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $zero f64)
    (f64.store (i32.const 0) (f64.div (local.get $zero) (local.get $zero)))
    (f32.store (i32.const 8) (f32.demote_f64 (f64.sqrt (f64.const -1))))
    (f64.store (i32.const 16) (f64.neg (f64.div (local.get $zero) (local.get $zero))))
    (drop (call $journal (i32.const 0) (i32.const 24)))
    (call $proc_exit (i32.ne (i32.const 0x7fc00000) (i32.reinterpret_f32 (f32.div (f32.const 0) (f32.demote_f64 (local.get $zero))))))))
