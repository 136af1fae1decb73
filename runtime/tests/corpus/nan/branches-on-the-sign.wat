;; The sign of a fresh NaN is what CPUs differ in: no branch may see it.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start") (local $zero f64) (local $i i32)
    (loop $l
      (call $check (i64.gt_s (i64.reinterpret_f64 (f64.div (local.get $zero) (local.get $zero))) (i64.const 0)) (i32.const 1))
      (call $check (i32.eqz (i32x4.bitmask (f32x4.sqrt (f32x4.splat (f32.const -4))))) (i32.const 2))
      (call $check (i32.eqz (i64x2.bitmask (f64x2.div (v128.const i64x2 0 0) (v128.const i64x2 0 0)))) (i32.const 3))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))))
