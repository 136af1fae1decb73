;; Exports a function under a reserved name.
;;ends refused feature
;;says reserved
(module
  (memory (export "memory") 1)
  (func $mine) (export "lilypad-1:start" (func $mine))
  (func (export "_start")))
