;; Begins with more memory than the job allows.
;;ends refused too_large
;;says memory_bytes_max
(module
  (memory (export "memory") 257)
  (func (export "_start")))
