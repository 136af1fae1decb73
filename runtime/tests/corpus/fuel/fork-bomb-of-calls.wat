;; Each call makes two, fifty levels deep: no loop, no deep stack, and no end in sight.
;;job {"limits": {"fuel_limit": 20000000}}
;;ends out_of_fuel
(module
  (memory (export "memory") 1)
  (func $fork (param $depth i32)
    (if (local.get $depth) (then
      (call $fork (i32.sub (local.get $depth) (i32.const 1)))
      (call $fork (i32.sub (local.get $depth) (i32.const 1))))))
  (func (export "_start") (call $fork (i32.const 50))))
