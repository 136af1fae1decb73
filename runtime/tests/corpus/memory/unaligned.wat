;; Loads and stores at odd addresses, up to the last byte, do as aligned ones do.
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (func (export "_start")
    (i64.store align=1 (i32.const 65528) (i64.const 0x1122334455667788))
    (call $same (i32.load align=1 (i32.const 65531)) (i32.const 0x22334455) (i32.const 1))
    (call $same (i32.load16_u align=1 (i32.const 65529)) (i32.const 0x6677) (i32.const 2))
    (i32.store16 align=1 (i32.const 65533) (i32.const 0xbeef))
    (call $same (i32.load align=1 (i32.const 65532)) (i32.const 0x11beef44) (i32.const 3))
    (v128.store align=1 (i32.const 65519) (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15))
    (call $same (i32.load align=1 (i32.const 65530)) (i32.const 0x0e0d0c0b) (i32.const 4))
    ;; Hints of alignment that aren't true change nothing.
    (call $same (i32.load align=4 (i32.const 65521)) (i32.const 0x05040302) (i32.const 5))))
