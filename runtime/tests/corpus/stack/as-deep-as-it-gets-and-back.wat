;; Goes ten thousand calls deep a hundred times: what returned is given back.
;;ends exited 0
(module
  (memory (export "memory") 1)
  (func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "_start") (local $i i32)
    (loop $l
      (call $down (i32.const 10000))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))))
