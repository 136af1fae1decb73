;; Exports a global of its own under the name of the fuel counter.
;;ends refused feature
;;says reserved
(module
  (memory (export "memory") 1)
  (global $mine (mut i64) (i64.const 0x7fffffffffffffff))
  (export "lilypad-1:fuel" (global $mine))
  (func (export "_start")))
