;; An element segment that ends past its table.
;;ends trapped table_out_of_bounds
(module
  (memory (export "memory") 1)
  (table 2 funcref)
  (elem (i32.const 1) func $f $f)
  (func $f)
  (func (export "_start")))
