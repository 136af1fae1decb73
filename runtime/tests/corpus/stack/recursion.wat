;; Calls itself for ever.
;;ends trapped stack_exhausted
(module
  (memory (export "memory") 1)
  (func $f (call $f))
  (func (export "_start") (call $f)))
