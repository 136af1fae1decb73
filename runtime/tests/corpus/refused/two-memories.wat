;; Has a second memory.
;;ends refused feature
;;says more than one memory
(module
  (memory (export "memory") 1)
  (memory $second 1)
  (func (export "_start")))
