;; Has a memory of 64 bits.
;;ends refused feature
;;says 64-bit
(module
  (memory (export "memory") i64 1)
  (func (export "_start")))
