;; Divides by zero only after more turns than it has fuel for: out of fuel comes first.
;;job {"limits": {"fuel_limit": 1000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000000))))
    (drop (i32.div_u (i32.const 1) (i32.const 0)))))
