//! A result as columns, so many rows at a time.

use super::builder::{Batch, Builder};
use super::field::Field;
use super::shelf::Shelf;
use crate::error::{Domain, Error, Result, Status};
use crate::spill::{CellBuffer, Spool};

/// The most rows that a batch has; what is left of the rows ends one sooner, and so does much of values.
pub const MOST_ROWS: usize = 131_072;
/// What is kept of the memory that one huge row took.
const KEPT: usize = 1 << 16;

/// Where batches come from.
enum Source {
    /// Rows whose types were known only when all were there.
    Rows(Spool, Builder),
    /// Batches, and what came instead of a further one.
    Batches(Shelf, Option<Error>),
    /// All were taken: what they take is not kept until the stream is.
    Nothing,
}

/// How far the rows were taken.
#[derive(Debug)]
enum Progress {
    Reading,
    Ended,
    /// With this message.
    Failed(String),
}

/// A result, as columns. It is taken once, and needs nothing of the database any more.
pub struct Batches {
    fields: Vec<Field>,
    source: Source,
    progress: Progress,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Batches { fields, progress, .. } = self;
        out.debug_struct("Batches").field("fields", fields).field("progress", progress).finish_non_exhaustive()
    }
}

impl Batches {
    fn of(fields: Vec<Field>, source: Source) -> Batches {
        Batches { fields, source, progress: Progress::Reading }
    }

    /// Of rows that were put aside, whose cells `builder` knows.
    pub(super) fn of_rows(builder: Builder, rows: Spool) -> Batches {
        Batches::of(builder.fields().to_vec(), Source::Rows(rows, builder))
    }

    /// Of these, after which `failure` comes, or the end.
    pub(super) fn of_batches(fields: Vec<Field>, batches: Shelf, failure: Option<Error>) -> Batches {
        Batches::of(fields, Source::Batches(batches, failure))
    }

    /// The columns.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The next rows; `None` once, at the end. After that, and after a failure, an error.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        match &self.progress {
            Progress::Reading => {}
            Progress::Ended => {
                return Err(Error::new(Status::Misuse, Domain::Database, "the stream was read to its end already")
                    .hint("a stream is read once: ask for a new one, or keep what the first reading gave"));
            }
            Progress::Failed(message) => {
                let message = format!("the stream failed before: {message}");
                return Err(Error::new(Status::Misuse, Domain::Database, message).hint("ask for a new stream"));
            }
        }
        let read = self.read();
        match &read {
            Ok(Some(_)) => {}
            Ok(None) => self.progress = Progress::Ended,
            Err(error) => self.progress = Progress::Failed(error.message().to_owned()),
        }
        if !matches!(self.progress, Progress::Reading) {
            self.source = Source::Nothing;
        }
        read
    }

    fn read(&mut self) -> Result<Option<Batch>> {
        match &mut self.source {
            Source::Rows(rows, builder) => {
                let mut cells = CellBuffer::default();
                while !builder.is_full(MOST_ROWS) {
                    cells.clear(KEPT);
                    if !rows.pop(&mut cells)? {
                        break;
                    }
                    builder.push(|at| cells.get(at))?;
                }
                Ok(builder.take())
            }
            Source::Batches(batches, failure) => match (batches.pop(&self.fields)?, failure) {
                (None, Some(_)) => failure_of(&mut self.source),
                (batch, _) => Ok(batch),
            },
            Source::Nothing => Ok(None),
        }
    }
}

/// What came instead of a further batch.
fn failure_of(source: &mut Source) -> Result<Option<Batch>> {
    match std::mem::replace(source, Source::Nothing) {
        Source::Batches(_, Some(failure)) => Err(failure),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::builder::{Builder, Subject};
    use super::super::field::{Field, Kind};
    use super::super::shelf::Shelf;
    use super::Batches;
    use crate::error::{Domain, Error, Status};
    use crate::values::ValueRef;

    #[test]
    fn a_failure_comes_after_the_batches_before_it_and_stays() {
        let mut builder = Builder::new(vec![(Field::new("x", Kind::Integer), false)], Subject::Row);
        let mut shelf = Shelf::default();
        for batch in 0..2 {
            builder.push(|_| ValueRef::Integer(batch)).unwrap();
            shelf.push(builder.take().unwrap()).unwrap();
        }
        let failure = Error::new(Status::Lossy, Domain::Database, "x of row 2 does not fit");
        let mut batches = Batches::of_batches(builder.fields().to_vec(), shelf, Some(failure));
        assert_eq!(batches.next_batch().unwrap().unwrap().rows, 1);
        assert_eq!(batches.next_batch().unwrap().unwrap().rows, 1);
        assert_eq!(batches.next_batch().unwrap_err().status(), Status::Lossy);
        let again = batches.next_batch().unwrap_err();
        assert_eq!(
            (again.status(), again.message()),
            (Status::Misuse, "the stream failed before: x of row 2 does not fit")
        );
    }
}
