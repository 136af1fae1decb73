;; Each link names the one before twice: following the last would take 2^20 steps.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func $name (param $at i32) (param $number i32)
    (i32.store16 (local.get $at) (i32.const 0x6161))
    (i32.store8 (local.get $at) (i32.add (i32.const 0x61) (local.get $number))))
  (func (export "_start") (local $i i32)
    (call $name (i32.const 16) (i32.const 0))
    (call $same (call $path_create_directory (i32.const 3) (i32.const 16) (i32.const 1)) (i32.const 0) (i32.const 1))
    (loop $l
      ;; "x/../x" where x is the one before.
      (call $name (i32.const 32) (local.get $i)) (i32.store (i32.const 33) (i32.const 0x2f2e2e2f)) (call $name (i32.const 37) (local.get $i))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (call $name (i32.const 16) (local.get $i))
      (call $same (call $path_symlink (i32.const 32) (i32.const 6) (i32.const 3) (i32.const 16) (i32.const 1)) (i32.const 0) (i32.const 2))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 20))))
    (call $same (call $path_open (i32.const 3) (i32.const 1) (i32.const 16) (i32.const 1)
      (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 0)) (i32.const 32) (i32.const 3))))
