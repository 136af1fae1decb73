;; Begins with four gibibytes: reserved, not used.
;;job {"limits": {"memory_bytes_max": 4294967296}}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 65536)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (i32.store (i32.const -4) (i32.const 9))
    (call $same (i32.load (i32.const -4)) (i32.const 9) (i32.const 1))
    (call $same (memory.grow (i32.const 1)) (i32.const -1) (i32.const 2))))
