;; Cookies that no listing gave.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func $list (param $cookie i64) (result i32)
    (call $same (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 4096) (local.get $cookie) (i32.const 0)) (i32.const 0) (i32.const 1))
    (i32.load (i32.const 0)))
  (func (export "_start")
    (call $same (call $list (i64.const -1)) (i32.const 0) (i32.const 2))
    (call $same (call $list (i64.const 0x8000000000000000)) (i32.const 0) (i32.const 3))
    (call $same (call $list (i64.const 3)) (i32.const 0) (i32.const 4))
    ;; "." and "..", 24 bytes each and their names.
    (call $same (call $list (i64.const 0)) (i32.const 51) (i32.const 5))
    (call $same (call $fd_readdir (i32.const 3) (i32.const 65530) (i32.const 4096) (i64.const 0) (i32.const 0)) (i32.const 21) (i32.const 6))
    (call $same (call $fd_readdir (i32.const 0) (i32.const 1024) (i32.const 4096) (i64.const 0) (i32.const 0)) (i32.const 54) (i32.const 7))))
