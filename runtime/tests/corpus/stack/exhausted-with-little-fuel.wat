;; Recursion without end on a budget that ends sooner.
;;job {"limits": {"fuel_limit": 1000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func $f (call $f))
  (func (export "_start") (call $f)))
