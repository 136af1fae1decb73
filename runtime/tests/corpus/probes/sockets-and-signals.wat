;; Asks for what does not exist here.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "proc_raise" (func $proc_raise (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $sock_accept (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (call $same (call $proc_raise (i32.const 9)) (i32.const 52) (i32.const 1))
    (call $check (i32.ne (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 0)) (i32.const 0)) (i32.const 2))
    (call $check (i32.ne (call $sock_accept (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0)) (i32.const 3))))
