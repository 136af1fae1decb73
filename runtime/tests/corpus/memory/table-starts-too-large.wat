;; A table with one element too many.
;;ends refused too_large
;;says elements of a table
(module
  (memory (export "memory") 1)
  (table 1048577 funcref)
  (func (export "_start")))
