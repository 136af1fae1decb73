;; Takes a page at a time until it is refused, which must be at the job's limit exactly.
;;job {"limits": {"fuel_limit": 100000000}}
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
    (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (call $same (memory.size) (i32.const 256) (i32.const 1))
    ;; What was got is there, and zero to its last byte.
    (call $same (i32.load (i32.const 16777212)) (i32.const 0) (i32.const 2))))
