;; Reads every clock twice, with work in between: they begin where the job says and move with fuel alone.
;;job {"clock_epoch_ns": 1700000000000000000}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $clock_res_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func $read (param $clock i32) (result i64)
    (call $same (call $clock_time_get (local.get $clock) (i64.const 1) (i32.const 0)) (i32.const 0) (i32.const 1))
    (drop (call $journal (i32.const 0) (i32.const 8)))
    (i64.load (i32.const 0)))
  (func (export "_start") (local $first i64) (local $second i64) (local $i i32)
    (local.set $first (call $read (i32.const 0)))
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100000))))
    (local.set $second (call $read (i32.const 0)))
    (call $check (i64.gt_u (local.get $second) (local.get $first)) (i32.const 2))
    (call $check (i64.ge_u (local.get $first) (i64.const 1700000000000000000)) (i32.const 3))
    (call $check (i64.lt_u (local.get $second) (i64.const 1700000001000000000)) (i32.const 4))
    (drop (call $read (i32.const 1)))
    (call $same (call $clock_time_get (i32.const 4) (i64.const 1) (i32.const 0)) (i32.const 28) (i32.const 5))
    (call $same (call $clock_res_get (i32.const 0) (i32.const 8)) (i32.const 0) (i32.const 6))
    (drop (call $journal (i32.const 8) (i32.const 8)))))
