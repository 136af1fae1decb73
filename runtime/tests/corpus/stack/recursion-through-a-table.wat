;; Calls itself through a table for ever.
;;ends trapped stack_exhausted
(module
  (memory (export "memory") 1)
  (type $t (func (param i32) (result i32)))
  (table 4 funcref) (elem (i32.const 0) $f $g $f $g)
  (func $f (type $t) (i32.add (i32.const 1)
    (call_indirect (type $t) (i32.add (local.get 0) (i32.const 1)) (i32.and (local.get 0) (i32.const 3)))))
  (func $g (type $t) (local v128) (i32.mul (i32.const 3)
    (call_indirect (type $t) (i32.add (local.get 0) (i32.const 3)) (i32.and (local.get 0) (i32.const 3)))))
  (func (export "_start") (drop (call $f (i32.const 0)))))
