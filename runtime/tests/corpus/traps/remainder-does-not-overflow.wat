;; The one case where division overflows and remainder is zero.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start") (local $x i32) (local $y i64)
    (local.set $x (i32.const 0x80000000)) (local.set $y (i64.const 0x8000000000000000))
    (call $same (i32.rem_s (local.get $x) (i32.const -1)) (i32.const 0) (i32.const 1))
    (call $check (i64.eqz (i64.rem_s (local.get $y) (i64.const -1))) (i32.const 2))))
