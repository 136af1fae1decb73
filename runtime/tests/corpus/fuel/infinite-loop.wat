;; Does nothing, forever.
;;job {"limits": {"fuel_limit": 10000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $l (br $l))))
