;; Asks for what it can't have, for ever.
;;job {"limits": {"fuel_limit": 100000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $l (drop (memory.grow (i32.const 257))) (br $l))))
