//! Walking through the folders.

use std::path::{Path, PathBuf};

use crate::error::{Domain, Error, Result, Status};

/// Keys have no more parts.
const DEEPEST: usize = 64;

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::from_io(Domain::ImportExport, "the folder cannot be read", path, error)
}

/// The folders in a folder, by name; none if it does not exist.
pub fn folders(path: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    each(path, &mut |name, path| {
        if path.is_dir() {
            found.push((name, path));
        }
        Ok(())
    })?;
    found.sort();
    Ok(found)
}

fn each(path: &Path, then: &mut dyn FnMut(String, PathBuf) -> Result<()>) -> Result<()> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(cannot(path, &error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| cannot(path, &error))?;
        let name = entry.file_name().into_string().map_err(|name| {
            let message = format!("the name {name:?} is not UTF-8");
            Error::new(Status::Corrupt, Domain::ImportExport, message).at(entry.path()).hint("rename the file")
        })?;
        then(name, entry.path())?;
    }
    Ok(())
}

/// The files below a folder, by the paths from there, which are keys with "/". Links to folders are not followed.
pub fn files(path: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    below(path, "", 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn below(path: &Path, prefix: &str, depth: usize, found: &mut Vec<(String, PathBuf)>) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::new(Status::Limit, Domain::ImportExport, "the folders are nested too deep").at(path));
    }
    each(path, &mut |name, path| {
        let key = format!("{prefix}{name}");
        let kind = path.symlink_metadata().map_err(|error| cannot(&path, &error))?.file_type();
        match kind.is_dir() {
            true => below(&path, &format!("{key}/"), depth + 1, found)?,
            false if path.is_file() => found.push((key, path)),
            false => {}
        }
        Ok(())
    })
}
