;; Two functions that call each other for ever.
;;ends trapped stack_exhausted
(module
  (memory (export "memory") 1)
  (func $f (call $g))
  (func $g (local i64 i64) (call $f))
  (func (export "_start") (call $f)))
