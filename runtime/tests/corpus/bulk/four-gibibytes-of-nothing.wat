;; Fills four gibibytes that it does not have: the fuel for them is due before the trap.
;;job {"limits": {"fuel_limit": 1000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func (export "_start") (memory.fill (i32.const 0) (i32.const 0) (i32.const -1))))
