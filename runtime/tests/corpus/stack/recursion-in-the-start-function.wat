;; Exhausts the stack before `_start`.
;;ends trapped stack_exhausted
(module
  (memory (export "memory") 1)
  (func $f (call $f))
  (start $f)
  (func (export "_start")))
