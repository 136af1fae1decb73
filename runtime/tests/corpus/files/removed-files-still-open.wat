;; Opens files and removes them: what nobody can find still counts until it is closed.
;;job {"limits": {"fuel_limit": 100000000}}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $fd_filestat_set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (data (i32.const 16) "f")
  (func $open (result i32)
    (call $same (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 1)
      (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0)) (i32.const 0) (i32.const 1))
    (call $same (call $path_unlink_file (i32.const 3) (i32.const 16) (i32.const 1)) (i32.const 0) (i32.const 2))
    (i32.load (i32.const 0)))
  (func (export "_start") (local $first i32) (local $second i32)
    (local.set $first (call $open)) (local.set $second (call $open))
    (call $same (call $fd_filestat_set_size (local.get $first) (i64.const 1048576)) (i32.const 0) (i32.const 3))
    (call $same (call $fd_filestat_set_size (local.get $second) (i64.const 1)) (i32.const 51) (i32.const 4))
    (call $same (call $fd_close (local.get $first)) (i32.const 0) (i32.const 5))
    (call $same (call $fd_filestat_set_size (local.get $second) (i64.const 1048576)) (i32.const 0) (i32.const 6))))
