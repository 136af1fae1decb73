;; Removes each entry as it is listed, and makes others: none is skipped, none comes twice.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
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
  (func $make (param $number i32)
    (call $name (i32.const 16) (local.get $number))
    (call $same (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4)
      (i32.const 1) (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 0)) (i32.const 0) (i32.const 1))
    (drop (call $fd_close (i32.load (i32.const 0)))))
  (func (export "_start") (local $i i32) (local $cookie i64) (local $seen i32)
    (loop $l
      (call $make (local.get $i))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 40))))
    (loop $l
      ;; One entry at a time: 24 bytes and a name of 4.
      (call $same (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 28) (local.get $cookie) (i32.const 0)) (i32.const 0) (i32.const 2))
      (if (i32.eq (i32.load (i32.const 0)) (i32.const 28)) (then
        (local.set $cookie (i64.load (i32.const 1024)))
        (if (i32.eq (i32.load (i32.const 1040)) (i32.const 4)) (then
          (call $same (call $path_unlink_file (i32.const 3) (i32.const 1048) (i32.const 4)) (i32.const 0) (i32.const 3))
          (local.set $seen (i32.add (local.get $seen) (i32.const 1)))
          (call $make (i32.add (i32.const 1000) (local.get $seen)))))
        (br $l))))
    (call $same (local.get $seen) (i32.const 40) (i32.const 4))))
