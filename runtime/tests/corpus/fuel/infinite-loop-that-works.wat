;; Works without ever calling, and never ends.
;;job {"limits": {"fuel_limit": 10000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $i i64)
    (loop $l
      (local.set $i (i64.add (i64.mul (local.get $i) (i64.const 6364136223846793005)) (i64.const 1)))
      (i64.store (i32.and (i32.wrap_i64 (local.get $i)) (i32.const 0xfff8)) (local.get $i))
      (br $l))))
