//! Params and tags: a file for each key, whose content is the value, byte for byte.

use std::path::Path;

use super::folder::files;
use crate::error::{Domain, Error, Result};
use crate::readers::sink::Sink;

/// Reads the values of a folder, and hands over those that are text.
pub fn read(
    folder: &Path,
    sink: &mut Sink<'_>,
    each: &mut dyn FnMut(&mut Sink<'_>, &str, &str) -> Result<()>,
) -> Result<()> {
    for (key, path) in files(folder)? {
        let bytes = std::fs::read(&path)
            .map_err(|error| Error::from_io(Domain::ImportExport, "the value cannot be read", &path, &error))?;
        sink.source.bytes += bytes.len() as u64;
        sink.source.values.read += 1;
        match std::str::from_utf8(&bytes) {
            Ok(value) => each(sink, &key, value)?,
            Err(_) => sink.source.values.refuse("not_utf8"),
        }
    }
    Ok(())
}
