;; Writes to stdout without end: it is told that all is written, kept is what the job allows.
;;job {"limits": {"fuel_limit": 20000000}}
;;ends out_of_fuel
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (memory.fill (i32.const 1024) (i32.const 0x61) (i32.const 8192))
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 300))
    (loop $l
      (call $same (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)) (i32.const 0) (i32.const 1))
      (call $same (i32.load (i32.const 64)) (i32.const 300) (i32.const 2))
      (br $l))))
