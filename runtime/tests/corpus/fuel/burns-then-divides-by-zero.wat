;; Burns a million turns without a call, then traps: it owes what it burned.
;;ends trapped integer_division_by_zero
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
    (drop (i32.div_u (i32.const 1) (i32.const 0)))))
