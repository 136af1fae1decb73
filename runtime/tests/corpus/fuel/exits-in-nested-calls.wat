;; Exits five calls deep, below loops and blocks and a table: nothing after it runs.
;;ends exited 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (type $t (func (param i32)))
  (table 2 funcref) (elem (i32.const 0) $deeper $last)
  (func $last (type $t) (call $proc_exit (local.get 0)) unreachable)
  (func $deeper (type $t)
    (block (loop (block (call_indirect (type $t) (local.get 0) (i32.const 1)) (br 1))))
    unreachable)
  (func $middle (param i32) (call_indirect (type $t) (local.get 0) (i32.const 0)) unreachable)
  (func $outer (param i32) (call $middle (local.get 0)) unreachable)
  (func (export "_start") (call $outer (i32.const 7)) unreachable))
