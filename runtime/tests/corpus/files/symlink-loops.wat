;; Links that lead in circles: 32 ELOOP.
;;job {"inputs": {"/in": {"hello.txt": "hello", "dir": {"inner.txt": "inner"}, "up": {"link": "../../etc/passwd"}, "absolute": {"link": "/etc/passwd"}, "other": {"link": "../tmp/x"}, "self": {"link": "self"}, "a": {"link": "b"}, "b": {"link": "a"}, "through": {"link": "dir/../hello.txt"}, "dirlink": {"link": "dir"}, "dotdot": {"link": ".."}}}}
;;ends exited 0
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Ends the job with the number of the first check that fails.
  (func $check (param $holds i32) (param $number i32)
    (if (i32.eqz (local.get $holds)) (then (call $proc_exit (local.get $number)))))
  (func $same (param $is i32) (param $wanted i32) (param $number i32)
    (call $check (i32.eq (local.get $is) (local.get $wanted)) (local.get $number)))
  (data (i32.const 1024) "self")
  (data (i32.const 1036) "a")
  (data (i32.const 1045) "b")
  (data (i32.const 1054) "a/x")
  (data (i32.const 1065) "self/")
  (func $try (param $fd i32) (param $at i32) (param $len i32) (result i32)
    (call $path_open (local.get $fd) (i32.const 1) (local.get $at) (local.get $len)
      (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 0)))
  (func (export "_start")
    (call $same (call $try (i32.const 3) (i32.const 1024) (i32.const 4)) (i32.const 32) (i32.const 1))
    (call $same (call $try (i32.const 3) (i32.const 1036) (i32.const 1)) (i32.const 32) (i32.const 2))
    (call $same (call $try (i32.const 3) (i32.const 1045) (i32.const 1)) (i32.const 32) (i32.const 3))
    (call $same (call $try (i32.const 3) (i32.const 1054) (i32.const 3)) (i32.const 32) (i32.const 4))
    (call $same (call $try (i32.const 3) (i32.const 1065) (i32.const 5)) (i32.const 32) (i32.const 5))))
