;; Imports the fuel counter by its name.
;;ends refused import
;;says lilypad-1.fuel
(module
  (import "lilypad-1" "fuel" (global $fuel (mut i64)))
  (memory (export "memory") 1)
  (func (export "_start")))
