;; A store whose last byte is outside of memory: some CPUs write the rest first, and nobody may see it.
;; The journal, written before, stays.
;;ends trapped memory_out_of_bounds
(module
  (import "lilypad_1" "journal_write" (func $journal (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 65528) "\01\02\03\04\05\06\07\08")
  (func (export "_start")
    (drop (call $journal (i32.const 65528) (i32.const 8)))
    (i32.store16 align=1 (i32.const 65535) (i32.const -1))
    (drop (call $journal (i32.const 65528) (i32.const 8)))))
