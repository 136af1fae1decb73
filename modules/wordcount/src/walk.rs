//! Which files there are. A link to a file counts as that file, as it does for `cat`; a link to a folder is not
//! followed, because links can go in circles; other special files are not counted.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Every regular file under `root`, and every link to one: its path from there with `/` between the parts, sorted by bytes.
///
/// # Errors
///
/// The folder that can't be read, and why.
pub(crate) fn regular_files(root: &Path) -> Result<Vec<String>, (PathBuf, io::Error)> {
    let mut files = Vec::new();
    // A list of folders still to read, not recursion: a deep tree must not exhaust the stack.
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let failed = |error| (folder.clone(), error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            // A guest's file names are UTF-8 by definition; natively, another name is an error and not a guess.
            let name = entry.file_name().into_string().map_err(|name| {
                let text = format!("the file name {name:?} is not UTF-8; rename it");
                (folder.clone(), io::Error::new(io::ErrorKind::InvalidData, text))
            })?;
            if kind.is_dir() {
                folders.push((entry.path(), format!("{prefix}{name}/")));
            } else if kind.is_file()
                || (kind.is_symlink() && fs::metadata(entry.path()).is_ok_and(|data| data.is_file()))
            {
                files.push(format!("{prefix}{name}"));
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}
