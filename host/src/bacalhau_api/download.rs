//! Results as Bacalhau's local publisher gives them: a tar.gz at an address that nobody can guess.

use super::{Shared, answer::Refusal};
use crate::store::TreeLimits;
use axum::{
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use lilypad_abi::Cid;
use lilypad_runtime::{Folder, Node};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// A result folder as tar.gz, as Bacalhau's publishers make them.
pub(super) async fn download(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
) -> Result<Response, Refusal> {
    let none = || Refusal::not_found("results", &file);
    let key = file.strip_suffix(".tar.gz").ok_or_else(none)?;
    let job = shared.board.by_key(key).ok_or_else(none)?;
    let cid: Cid = job.outputs.as_ref().and_then(|text| text.parse().ok()).ok_or_else(none)?;
    // Never closed: there is always a place to come.
    let _place = shared.downloads.acquire().await;
    let store = shared.sources.store.clone();
    let bytes = tokio::task::spawn_blocking(move || {
        let folder =
            store.load_folder(cid, &TreeLimits::default()).map_err(|error| crate::report::causes(&error))?;
        pack(&folder).map_err(|error| error.to_string())
    })
    .await
    .map_err(|error| Refusal::internal(&error))?
    .map_err(|text| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", text))?;
    Ok(([(CONTENT_TYPE, "application/gzip")], Body::from(bytes)).into_response())
}

fn pack(folder: &Folder) -> io::Result<Vec<u8>> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    pack_into(&mut builder, "", folder)?;
    builder.into_inner()?.finish()
}

fn pack_into(builder: &mut tar::Builder<impl Write>, prefix: &str, folder: &Folder) -> io::Result<()> {
    for (name, node) in &folder.entries {
        let path = format!("{prefix}{name}");
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        match node {
            Node::File(bytes) => {
                header.set_mode(0o644);
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, &path, bytes.as_slice())?;
            }
            Node::Folder(folder) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                builder.append_data(&mut header, format!("{path}/"), io::empty())?;
                pack_into(builder, &format!("{path}/"), folder)?;
            }
            Node::Symlink(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                builder.append_link(&mut header, &path, target)?;
            }
        }
    }
    Ok(())
}
