;; Names that only look like reserved ones are the guest's.
;;ends exited 0
(module
  (memory (export "memory") 1)
  (global $mine (mut i64) (i64.const 1))
  (export "lilypad-1" (global $mine)) (export "lilypad-1;fuel" (global $mine)) (export "LILYPAD-1:fuel" (global $mine))
  (func (export "_start")))
