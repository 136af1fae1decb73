;; Its `_start` wants something.
;;ends refused entry_point
;;says take and give nothing
(module
  (memory (export "memory") 1)
  (func (export "_start") (param i32)))
