//! The destinations of a document: a callback, a string, a file.

use std::io::Write;

use crate::error::{Domain, Error, Result, Status};
use crate::progress::Flow;

/// Takes a document, piece by piece.
pub trait Sink {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Hears that it is complete.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.try_reserve(bytes.len()).map_err(|_| {
            let message = format!("there is no memory for a document of more than {} bytes", self.len());
            Error::new(Status::Limit, Domain::ImportExport, message).hint("export to a file, or through a callback")
        })?;
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// A writer of the caller's.
pub struct WriteSink<'w>(pub &'w mut dyn Write);

impl WriteSink<'_> {
    fn failed(error: &std::io::Error) -> Error {
        Error::new(Status::Io, Domain::ImportExport, format!("the document cannot be written: {error}"))
            .hint("what was written so far is not a complete document; repair the writer and export again")
    }
}

impl Sink for WriteSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).map_err(|error| WriteSink::failed(&error))
    }

    fn finish(&mut self) -> Result<()> {
        self.0.flush().map_err(|error| WriteSink::failed(&error))
    }
}

/// A callback of the caller's, which may end the export.
pub struct CallbackSink<'c>(pub &'c mut dyn FnMut(&[u8]) -> Flow);

impl Sink for CallbackSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        (self.0)(bytes).stop(Domain::ImportExport, "write").map_or(Ok(()), Err)
    }
}
