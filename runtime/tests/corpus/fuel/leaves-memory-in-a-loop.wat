;; Walks over memory until it falls off its end.
;;ends trapped memory_out_of_bounds
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32)
    (loop $l
      (i32.store8 (local.get $at) (i32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $l))))
