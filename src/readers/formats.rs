//! The table of readers. A new one is a file or folder of its own and a line here.

use std::path::Path;

use super::reader::{Reader, Recognised};
use super::{mlflow_files, neptune, optuna, tensorboard, wandb};
use crate::database::Database;
use crate::error::{Domain, Error, Result, Status};

/// In the order in which they are asked whether they know a path.
pub static READERS: &[&Reader] =
    &[&mlflow_files::READER, &wandb::READER, &tensorboard::READER, &neptune::READER, &optuna::READER];

fn names() -> String {
    READERS.iter().map(|reader| reader.name).collect::<Vec<_>>().join(", ")
}

/// The reader for a path: the one that is asked for, or the one that recognises it.
pub fn find(path: &Path, kind: Option<&str>) -> Result<&'static Reader> {
    let on_a_server = Database::is_on_a_server(&path.to_string_lossy());
    if !on_a_server && let Err(error) = std::fs::metadata(path) {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Err(Error::new(Status::NotFound, Domain::ImportExport, "there is no such file or folder").at(path));
        }
        return Err(Error::from_io(Domain::ImportExport, "the path cannot be read", path, &error));
    }
    if let Some(kind) = kind {
        let reader = READERS.iter().copied().find(|reader| reader.name == kind).ok_or_else(|| {
            Error::argument(Domain::ImportExport, "kind", format!("there is no reader {kind:?}"))
                .hint(format!("give one of: {}; or leave it out", names()))
        })?;
        if on_a_server && (reader.recognises)(path)? == Recognised::No {
            // The URL can have a password, and is not repeated.
            let message = format!("{} are in files, and on no server", reader.title);
            return Err(
                Error::argument(Domain::ImportExport, "kind", message).hint("give the path of a file or folder")
            );
        }
        return Ok(reader);
    }
    for reader in READERS {
        if (reader.recognises)(path)? == Recognised::Yes {
            return Ok(reader);
        }
    }
    Err(Error::new(Status::Unsupported, Domain::ImportExport, "no reader recognises what is here")
        .at(path)
        .hint(format!("give the folder or file that the tracker wrote; or say which reader: {}", names())))
}
