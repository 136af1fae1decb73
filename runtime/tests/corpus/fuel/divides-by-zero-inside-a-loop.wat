;; The division in the millionth turn is the one that traps.
;;ends trapped integer_division_by_zero
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32) (local.set $i (i32.const 1000000))
    (loop $l
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (drop (i32.rem_s (i32.const 7) (local.get $i)))
      (br $l))))
