;; Is given nothing to run on.
;;job {"limits": {"fuel_limit": 0}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func (export "_start")))
