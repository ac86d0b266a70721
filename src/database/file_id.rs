//! The identity of a file, whatever its name.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A file, whatever its name: device and inode.
pub type FileId = (u64, u64);

/// What tells a file from others.
pub fn id_of(meta: &std::fs::Metadata) -> FileId {
    (meta.dev(), meta.ino())
}

/// The identity of the file at `path`, if it exists.
pub fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().as_ref().map(id_of)
}
