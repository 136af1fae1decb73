;; Moves a folder below itself, which would cut it off from everything: 28 EINVAL.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename" (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (data (i32.const 16) "a") (data (i32.const 24) "a/b") (data (i32.const 32) "a/b/c")
  (func (export "_start")
    (call $same (call $path_create_directory (i32.const 3) (i32.const 16) (i32.const 1)) (i32.const 0) (i32.const 1))
    (call $same (call $path_create_directory (i32.const 3) (i32.const 24) (i32.const 3)) (i32.const 0) (i32.const 2))
    (call $same (call $path_rename (i32.const 3) (i32.const 16) (i32.const 1) (i32.const 3) (i32.const 32) (i32.const 5)) (i32.const 28) (i32.const 3))
    (call $same (call $path_rename (i32.const 3) (i32.const 16) (i32.const 1) (i32.const 3) (i32.const 16) (i32.const 1)) (i32.const 0) (i32.const 4))
    (call $same (call $path_rename (i32.const 3) (i32.const 24) (i32.const 3) (i32.const 3) (i32.const 16) (i32.const 1)) (i32.const 55) (i32.const 5))))
