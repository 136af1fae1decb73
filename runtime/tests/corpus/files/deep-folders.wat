;; Nests folders until it is stopped, long before a host that walks them could run out of stack.
;;job {"limits": {"output_files_max": 1000}}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_create_directory (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (data (i32.const 16) "d")
  (func (export "_start") (local $fd i32) (local $depth i32)
    (local.set $fd (i32.const 3))
    (block $end (loop $l
      (br_if $end (call $path_create_directory (local.get $fd) (i32.const 16) (i32.const 1)))
      (call $same (call $path_open (local.get $fd) (i32.const 0) (i32.const 16) (i32.const 1)
        (i32.const 2) (i64.const 0) (i64.const -1) (i32.const 0) (i32.const 0)) (i32.const 0) (i32.const 1))
      (local.set $fd (i32.load (i32.const 0)))
      (local.set $depth (i32.add (local.get $depth) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $depth) (i32.const 900)))))
    (call $check (i32.lt_u (local.get $depth) (i32.const 300)) (i32.const 2))
    (i32.store (i32.const 32) (local.get $depth))
    (drop (call $journal (i32.const 32) (i32.const 4)))))
