;; A trap of the guest's own doing, in a loop without calls: charged what it burned.
;;ends trapped unreachable
(module
  (memory (export "memory") 1)
  (table 2 funcref) (elem (i32.const 1) func $f)
  (func $f)
  (func (export "_start") (local $zero i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000))))
    unreachable))
