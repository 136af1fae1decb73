;; Makes files until there may be no more: exactly as many as the job allows, in `/out` and `/tmp` together.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link" (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func $name (param $at i32) (param $number i32) (local $i i32)
    (loop $l
      (i32.store8 (i32.add (local.get $at) (local.get $i)) (i32.add (i32.const 0x61) (i32.and (local.get $number) (i32.const 15))))
      (local.set $number (i32.shr_u (local.get $number) (i32.const 4)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4)))))
  (func $create (param $folder i32) (param $number i32) (result i32) (local $errno i32)
    (call $name (i32.const 16) (local.get $number))
    (local.set $errno (call $path_open (local.get $folder) (i32.const 0) (i32.const 16) (i32.const 4)
      (i32.const 1) (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 0)))
    (if (i32.eqz (local.get $errno)) (then (drop (call $fd_close (i32.load (i32.const 0))))))
    (local.get $errno))
  (func (export "_start") (local $made i32)
    (loop $l
      (if (i32.eqz (call $create (i32.add (i32.const 3) (i32.and (local.get $made) (i32.const 1))) (local.get $made))) (then
        (local.set $made (i32.add (local.get $made) (i32.const 1)))
        (br $l))))
    (call $same (local.get $made) (i32.const 100) (i32.const 1))
    (call $same (call $create (i32.const 3) (i32.const 9999)) (i32.const 51) (i32.const 2))
    (call $same (call $path_create_directory (i32.const 4) (i32.const 16) (i32.const 4)) (i32.const 51) (i32.const 3))
    (call $name (i32.const 24) (i32.const 0))
    (call $same (call $path_link (i32.const 3) (i32.const 0) (i32.const 24) (i32.const 4) (i32.const 3) (i32.const 16) (i32.const 4)) (i32.const 51) (i32.const 4))
    (call $same (call $path_symlink (i32.const 24) (i32.const 4) (i32.const 3) (i32.const 16) (i32.const 4)) (i32.const 51) (i32.const 5))))
