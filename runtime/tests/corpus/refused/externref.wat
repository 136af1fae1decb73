;; Holds a reference of the host's.
;;ends refused feature
;;says external references
(module
  (memory (export "memory") 1)
  (global externref (ref.null extern))
  (func (export "_start")))
