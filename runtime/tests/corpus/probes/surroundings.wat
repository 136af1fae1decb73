;; Everything that a program can ask of its surroundings, into the journal.
;;job {"args": ["guest", "--flag", "\u00fcn\u00ef"], "env": {"A": "1", "EMPTY": ""}}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (call $same (call $args_sizes_get (i32.const 0) (i32.const 4)) (i32.const 0) (i32.const 1))
    (call $same (call $environ_sizes_get (i32.const 8) (i32.const 12)) (i32.const 0) (i32.const 2))
    (call $same (call $args_get (i32.const 32) (i32.const 64)) (i32.const 0) (i32.const 3))
    (call $same (call $fd_prestat_get (i32.const 3) (i32.const 16)) (i32.const 0) (i32.const 4))
    (call $same (call $fd_prestat_get (i32.const 4) (i32.const 24)) (i32.const 0) (i32.const 5))
    (call $same (call $fd_prestat_get (i32.const 5) (i32.const 24)) (i32.const 8) (i32.const 6))
    (drop (call $journal (i32.const 0) (i32.const 128)))))
