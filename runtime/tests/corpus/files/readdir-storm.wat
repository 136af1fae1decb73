;; Lists a folder over and over from its beginning with a buffer too small for one entry.
;;job {"limits": {"fuel_limit": 50000000}}
;;ends out_of_fuel
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
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
  (func (export "_start") (local $i i32)
    (loop $l
      (call $name (i32.const 16) (local.get $i))
      (call $same (call $path_create_directory (i32.const 3) (i32.const 16) (i32.const 4)) (i32.const 0) (i32.const 1))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
    (loop $l
      (call $same (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 8) (i64.const 0) (i32.const 0)) (i32.const 0) (i32.const 2))
      (br $l))))
