;; Writes to a file until there is no room: 51 ENOSPC, and not a byte more than the limit.
;;job {"limits": {"fuel_limit": 100000000}}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_allocate" (func $fd_allocate (param i32 i64 i64) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (data (i32.const 16) "flood")
  (func (export "_start") (local $fd i32) (local $errno i32) (local $total i32)
    (call $same (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 5)
      (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0)) (i32.const 0) (i32.const 1))
    (local.set $fd (i32.load (i32.const 0)))
    (i32.store (i32.const 32) (i32.const 1024)) (i32.store (i32.const 36) (i32.const 60001))
    (loop $l
      (local.set $errno (call $fd_write (local.get $fd) (i32.const 32) (i32.const 1) (i32.const 64)))
      (if (i32.eqz (local.get $errno)) (then
        (local.set $total (i32.add (local.get $total) (i32.load (i32.const 64))))
        (br $l))))
    (call $same (local.get $errno) (i32.const 51) (i32.const 2))
    (call $same (local.get $total) (i32.const 1048576) (i32.const 3))
    ;; No other way in either.
    (call $same (call $fd_pwrite (local.get $fd) (i32.const 32) (i32.const 1) (i64.const 0x7fffffffffff0000) (i32.const 64)) (i32.const 51) (i32.const 4))
    (call $same (call $fd_pwrite (local.get $fd) (i32.const 32) (i32.const 1) (i64.const -1) (i32.const 64)) (i32.const 22) (i32.const 5))
    (call $same (call $fd_filestat_set_size (local.get $fd) (i64.const 1048577)) (i32.const 51) (i32.const 6))
    (call $check (i32.ne (call $fd_allocate (local.get $fd) (i64.const 0) (i64.const 0x7fffffffffffffff)) (i32.const 0)) (i32.const 7))
    (call $same (call $fd_filestat_set_size (local.get $fd) (i64.const 10)) (i32.const 0) (i32.const 8))))
