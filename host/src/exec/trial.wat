;; What `lilypad-host doctor` has a worker run: a little of everything that could differ between machines.
;; It writes 16 bytes of randomness, the clock and a NaN to standard output and exits with 42.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\20\00\00\00")
  (func (export "_start") (local $f f64)
    (drop (call $random (i32.const 16) (i32.const 16)))
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 32)))
    (local.set $f (f64.const 0))
    (f64.store (i32.const 40) (f64.div (local.get $f) (local.get $f)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const 42))))
