;; Spends all but its last fuel, then asks the host for a gigabyte of randomness.
;;job {"limits": {"fuel_limit": 3000000}}
;;ends out_of_fuel
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $random_get (i32.const 0) (i32.const 0x7fffffff)))
    (loop $l (drop (call $random_get (i32.const 0) (i32.const 65536))) (br $l))))
