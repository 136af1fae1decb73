;; `_start` calls `_start`.
;;ends trapped stack_exhausted
(module
  (memory (export "memory") 1)
  (func $start (export "_start") (call $start)))
