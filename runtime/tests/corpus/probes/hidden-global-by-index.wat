;; Reads the global after its own last one, where another program might keep its fuel.
;;ends refused malformed
(module
  (memory (export "memory") 1)
  (global $own (mut i64) (i64.const 0))
  (func (export "_start") (global.set 1 (i64.const 0x7fffffffffffffff))))
