;; Never comes out of its start function.
;;job {"limits": {"fuel_limit": 1000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func $init (loop $l (br $l)))
  (start $init)
  (func (export "_start")))
