;; Closes its own stdio and preopens, then goes on asking.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start") (local $i i32)
    (loop $l
      (call $same (call $fd_close (local.get $i)) (i32.const 0) (i32.const 1))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
    (call $same (call $fd_close (i32.const 0)) (i32.const 8) (i32.const 2))
    (call $same (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)) (i32.const 8) (i32.const 3))))
