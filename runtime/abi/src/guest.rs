//! The names a guest and its host must spell the same way. Constants only.

/// Import module of the functions that are ours and not WASI's.
pub const NAMESPACE: &str = "lilypad_1";

/// `journal_write(ptr: i32, len: i32) -> i32`: appends guest memory to the journal.
///
/// Returns 0, or a WASI preview 1 errno: `fault` (21) for a range outside memory, `nospc` (51) when the
/// journal would exceed the job's `journal_bytes_max`; then nothing is written.
pub const JOURNAL_WRITE: &str = "journal_write";

/// Folder of the job's input files. What the guest writes there changes its copy and is dropped at the end.
pub const INPUT_DIR: &str = "/in";

/// Folder whose contents become the job's output files.
pub const OUTPUT_DIR: &str = "/out";

/// Scratch folder, dropped at the end.
pub const TMP_DIR: &str = "/tmp";
