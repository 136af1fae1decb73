;; Asks for all of 32 bits, and for more, in ways that overflow.
;;job {"limits": {"fuel_limit": 1000000000000}}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (call $same (memory.grow (i32.const 65535)) (i32.const -1) (i32.const 1))
    (call $same (memory.grow (i32.const 65536)) (i32.const -1) (i32.const 2))
    (call $same (memory.grow (i32.const -1)) (i32.const -1) (i32.const 3))
    (call $same (memory.grow (i32.const -65536)) (i32.const -1) (i32.const 4))
    (call $same (memory.grow (i32.const 0)) (i32.const 1) (i32.const 5))
    (call $same (memory.grow (i32.const 256)) (i32.const -1) (i32.const 6))
    (call $same (memory.grow (i32.const 255)) (i32.const 1) (i32.const 7))
    (call $same (memory.grow (i32.const 1)) (i32.const -1) (i32.const 8))))
