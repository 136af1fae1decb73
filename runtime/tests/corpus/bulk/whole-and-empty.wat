;; Bulk operations that just fit, and empty ones at the very end, do not trap.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (table 10 funcref)
  (elem $e funcref (ref.null func) (ref.null func))
  (data $d "0123456789abcdef")
  (func (export "_start")
    (memory.copy (i32.const 65528) (i32.const 0) (i32.const 8))
    (memory.fill (i32.const 65536) (i32.const 1) (i32.const 0))
    (memory.fill (i32.const 65535) (i32.const 1) (i32.const 1))
    (memory.init $d (i32.const 65520) (i32.const 0) (i32.const 16))
    (memory.init $d (i32.const 65536) (i32.const 16) (i32.const 0))
    (table.init $e (i32.const 8) (i32.const 0) (i32.const 2))
    (table.copy (i32.const 10) (i32.const 10) (i32.const 0))
    (table.fill (i32.const 10) (ref.null func) (i32.const 0))
    (call $same (i32.load (i32.const 65532)) (i32.const 0x66656463) (i32.const 1))
    ;; Overlapping copies, both ways.
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 16))
    (memory.copy (i32.const 1) (i32.const 0) (i32.const 15))
    (call $same (i32.load (i32.const 0)) (i32.const 0x32313030) (i32.const 2))
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 15))
    (call $same (i32.load (i32.const 0)) (i32.const 0x33323130) (i32.const 3))))
