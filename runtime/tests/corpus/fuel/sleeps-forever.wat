;; Sleeps for ages again and again: time passes, and each call costs.
;;job {"limits": {"fuel_limit": 10000000}}
;;ends out_of_fuel
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i64.store offset=24 (i32.const 0) (i64.const -1))
    (loop $l (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))) (br $l))))
