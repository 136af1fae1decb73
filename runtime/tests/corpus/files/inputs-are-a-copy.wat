;; A program may write to what it was given: it has its own copy, and leaves no more than `/out`.
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
  (data (i32.const 1024) "new")
  (data (i32.const 1035) "hello.txt")
  (data (i32.const 1052) "dir/new")
  (data (i32.const 1067) "dirlink/new2")
  (data (i32.const 1087) "../new")
  (func $try (param $fd i32) (param $at i32) (param $len i32) (result i32)
    (call $path_open (local.get $fd) (i32.const 1) (local.get $at) (local.get $len)
      (i32.const 1) (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 0)))
  (func (export "_start")
    (call $same (call $try (i32.const 3) (i32.const 1024) (i32.const 3)) (i32.const 0) (i32.const 1))
    (call $same (call $try (i32.const 3) (i32.const 1035) (i32.const 9)) (i32.const 0) (i32.const 2))
    (call $same (call $try (i32.const 3) (i32.const 1052) (i32.const 7)) (i32.const 0) (i32.const 3))
    (call $same (call $try (i32.const 3) (i32.const 1067) (i32.const 12)) (i32.const 0) (i32.const 4))
    (call $same (call $try (i32.const 3) (i32.const 1087) (i32.const 6)) (i32.const 63) (i32.const 5))))
