;; Imports a function of another WASI.
;;ends refused import
;;says path_open2
(module
  (import "wasi_snapshot_preview1" "path_open2" (func))
  (memory (export "memory") 1)
  (func (export "_start")))
