;; Asks for randomness in pieces: the stream is the job's, and never repeats.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (call $same (call $random_get (i32.const 0) (i32.const 16)) (i32.const 0) (i32.const 1))
    (call $same (call $random_get (i32.const 16) (i32.const 16)) (i32.const 0) (i32.const 2))
    (call $check (i64.ne (i64.load (i32.const 0)) (i64.load (i32.const 16))) (i32.const 3))
    ;; Nothing, and a range that is not there.
    (call $same (call $random_get (i32.const 65536) (i32.const 0)) (i32.const 0) (i32.const 4))
    (call $same (call $random_get (i32.const 65535) (i32.const 2)) (i32.const 21) (i32.const 5))
    (call $same (i32.load8_u (i32.const 65535)) (i32.const 0) (i32.const 6))
    (drop (call $journal (i32.const 0) (i32.const 32)))))
