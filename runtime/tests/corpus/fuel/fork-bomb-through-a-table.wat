;; As the fork bomb of calls, through call_indirect.
;;job {"limits": {"fuel_limit": 20000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (type $fork (func (param i32)))
  (table 1 funcref) (elem (i32.const 0) $fork)
  (func $fork (type $fork)
    (if (local.get 0) (then
      (call_indirect (type $fork) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))
      (call_indirect (type $fork) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
  (func (export "_start") (call $fork (i32.const 50))))
