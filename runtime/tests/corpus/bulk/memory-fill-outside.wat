;; A bulk operation, part of it outside: it traps, and what came before it stays.
;;ends trapped memory_out_of_bounds
(module
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table 10 funcref)
  (elem declare func $f)
  (elem $e funcref (ref.func $f) (ref.func $f) (ref.func $f))
  (data $d "0123456789abcdef")
  (func $f)
  (func (export "_start") (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (drop (call $journal (i32.const 65528) (i32.const 8)))
    (memory.fill (i32.const 65528) (i32.const 255) (i32.const 9))
    (drop (call $journal (i32.const 65528) (i32.const 8)))))
