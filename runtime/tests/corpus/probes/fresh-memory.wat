;; Looks for what another job may have left in memory, tables and locals.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (table 100 funcref)
  (func (export "_start") (local $at i32) (local $sum i64) (local $v v128)
    (call $check (i32.eqz (v128.any_true (local.get $v))) (i32.const 1))
    (loop $l
      (local.set $sum (i64.or (local.get $sum) (i64.load (local.get $at))))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 65536))))
    (call $check (i64.eqz (local.get $sum)) (i32.const 2))
    (drop (memory.grow (i32.const 3)))
    (loop $l
      (local.set $sum (i64.or (local.get $sum) (i64.load (local.get $at))))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 262144))))
    (call $check (i64.eqz (local.get $sum)) (i32.const 3))
    (call $check (ref.is_null (table.get (i32.const 99))) (i32.const 4))))
