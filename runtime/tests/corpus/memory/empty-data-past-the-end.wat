;; Even an empty segment must lie within memory.
;;ends trapped memory_out_of_bounds
(module
  (memory (export "memory") 1)
  (data (i32.const 65537) "")
  (func (export "_start")))
