;; Traps before `_start` was called, after some work.
;;ends trapped integer_division_by_zero
(module
  (memory (export "memory") 1)
  (func $init (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (drop (i64.div_s (i64.const 1) (i64.const 0))))
  (start $init)
  (func (export "_start")))
