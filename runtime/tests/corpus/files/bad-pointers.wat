;; Hands the host pointers past its memory, vectors that overlap the result, and vectors of everything.
;;job {"stdin": "0123456789"}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (call $same (call $fd_write (i32.const 1) (i32.const 65532) (i32.const 1) (i32.const 0)) (i32.const 21) (i32.const 1))
    (call $same (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 65534)) (i32.const 21) (i32.const 2))
    (call $same (call $fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0)) (i32.const 21) (i32.const 3))
    (call $same (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1025) (i32.const 0)) (i32.const 28) (i32.const 4))
    (call $same (call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0)) (i32.const 28) (i32.const 5))
    (i32.store (i32.const 16) (i32.const 65535)) (i32.store (i32.const 20) (i32.const 2))
    (call $same (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0)) (i32.const 21) (i32.const 6))
    (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const -1))
    (call $same (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0)) (i32.const 21) (i32.const 7))
    ;; Reads into its own vector and count.
    (i32.store (i32.const 16) (i32.const 16)) (i32.store (i32.const 20) (i32.const 8))
    (call $same (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 18)) (i32.const 0) (i32.const 8))
    (drop (call $journal (i32.const 0) (i32.const 64)))))
