;; Copies all of memory over itself, for ever.
;;job {"limits": {"fuel_limit": 50000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $l (memory.copy (i32.const 1) (i32.const 0) (i32.const 65535)) (br $l))))
