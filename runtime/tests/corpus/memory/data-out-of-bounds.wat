;; A data segment that ends past memory: nothing of the guest has run.
;;ends trapped memory_out_of_bounds
(module
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "this one fits")
  (data (i32.const 65530) "and this one does not")
  (func $init (drop (call $journal (i32.const 0) (i32.const 4))))
  (start $init)
  (func (export "_start")))
