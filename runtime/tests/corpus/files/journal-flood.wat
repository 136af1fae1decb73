;; Writes to the journal until it is full: all of a piece or nothing of it.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start") (local $times i32)
    (memory.fill (i32.const 0) (i32.const 0x6a) (i32.const 4096))
    (block $full (loop $l
      (br_if $full (call $journal (i32.const 0) (i32.const 1000)))
      (local.set $times (i32.add (local.get $times) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $times) (i32.const 100)))))
    (call $same (local.get $times) (i32.const 4) (i32.const 1))
    (call $same (call $journal (i32.const 0) (i32.const 96)) (i32.const 0) (i32.const 2))
    (call $check (i32.ne (call $journal (i32.const 0) (i32.const 1)) (i32.const 0)) (i32.const 3))))
