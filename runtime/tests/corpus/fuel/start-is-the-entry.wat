;; One function is both start function and `_start`: it runs twice.
;;ends exited 0
(module
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $runs (mut i32) (i32.const 0))
  (func $run (export "_start")
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (i32.store (i32.const 0) (global.get $runs))
    (drop (call $journal (i32.const 0) (i32.const 4))))
  (start $run))
