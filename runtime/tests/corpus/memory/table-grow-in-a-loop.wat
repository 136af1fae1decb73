;; Takes table elements until refused, which must be at the profile's limit.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (table $t 0 funcref)
  (func (export "_start")
    (loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 4096)) (i32.const -1))))
    (call $same (table.size $t) (i32.const 1048576) (i32.const 1))
    (call $same (table.grow $t (ref.null func) (i32.const 1)) (i32.const -1) (i32.const 2))
    (call $same (table.grow $t (ref.null func) (i32.const 0)) (i32.const 1048576) (i32.const 3))))
