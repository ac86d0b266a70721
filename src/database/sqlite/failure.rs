//! Converts SQLite's result codes to errors of the library.

use std::path::Path;

use rusqlite::ErrorCode;

use super::one_file::replaced;
use crate::error::{Domain, Error, Status};
use crate::files::out_of_descriptors;
use crate::spill::temporary;

/// The error of a statement on the database at `path`.
pub fn translate(error: rusqlite::Error, path: &Path) -> Error {
    let (failure, message) = match error {
        rusqlite::Error::SqliteFailure(failure, message) => (failure, message),
        // Of a statement that could not be prepared.
        rusqlite::Error::SqlInputError { error, msg, .. } => (error, Some(msg)),
        error => return Error::internal(Domain::Database, format!("SQLite: {error}")).at(path),
    };
    if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_GETTEMPPATH {
        return temporary::failed(rusqlite::Error::SqliteFailure(failure, message));
    }
    if failure.extended_code == rusqlite::ffi::SQLITE_READONLY_DBMOVED {
        return replaced(path).vendor(failure.extended_code);
    }
    if failure.code == ErrorCode::CannotOpen
        && let Some(error) = out_of_descriptors()
        && let Some(named) = Error::of_descriptors(Domain::Database, "the database cannot be opened", &error)
    {
        return named.vendor(failure.extended_code).at(path);
    }
    let text = message.unwrap_or_else(|| failure.to_string());
    let (status, said, hint) = match failure.extended_code {
        // What a limit on the size of files, or a quota, ends in.
        rusqlite::ffi::SQLITE_IOERR_WRITE => (
            Status::Io,
            "writing the database failed, or a limit on the file's size was reached; nothing was changed",
            "check the device, the free space and the limits",
        ),
        rusqlite::ffi::SQLITE_READONLY_RECOVERY
        | rusqlite::ffi::SQLITE_READONLY_ROLLBACK
        | rusqlite::ffi::SQLITE_READONLY_CANTINIT => (
            Status::Io,
            "the database needs recovery after a crash, which a connection that can only read cannot do",
            "open it for writing once; where it can only be read, copy the file and its -journal (or its -wal) together to where it can be \
             written, and open the copy",
        ),
        // The rest of a file that ends too early. SQLite fills up most of it with zeros.
        rusqlite::ffi::SQLITE_IOERR_SHORT_READ => classify(ErrorCode::DatabaseCorrupt),
        // No code of its own: a version of the format that does not exist.
        rusqlite::ffi::SQLITE_ERROR if text == "unsupported file format" => classify(ErrorCode::DatabaseCorrupt),
        _ => of_schema(failure.code, &text).unwrap_or_else(|| classify(failure.code)),
    };
    let described = match said {
        "" => text.clone(),
        said => format!("{said} ({text})"),
    };
    let described = described.replace(['\n', '\r'], " ");
    let built = Error::new(status, Domain::Database, described).vendor(failure.extended_code).at(path);
    let built = match (failure.code, constraint_place(&text)) {
        (ErrorCode::ConstraintViolation, Some((table, column))) => {
            built.detail("table", table).detail("column", column)
        }
        _ => built,
    };
    if hint.is_empty() { built } else { built.hint(hint) }
}

/// What only the application that made the schema has.
const OF_THE_APPLICATION: [&str; 4] =
    ["no such collation sequence: ", "no such function: ", "unknown function: ", "no such module: "];
/// What the schema's triggers and rules name, and is not there.
const GONE: [&str; 3] = ["no such table: ", "no such column: ", "no such view: "];

/// What SQLite says of things in the schema that cannot be used.
fn of_schema(code: ErrorCode, text: &str) -> Option<(Status, &'static str, &'static str)> {
    let begins = |list: &[&str]| code == ErrorCode::Unknown && list.iter().any(|start| text.starts_with(start));
    if begins(&OF_THE_APPLICATION) || begins(&["unsafe use of "]) {
        return Some((
            Status::Unsupported,
            "an index, a trigger or a rule of the schema needs a function, collation or module that only the application has",
            "drop it, call again, and let the application create it again; or use another database; nothing was changed",
        ));
    }
    if begins(&["there is already "]) {
        return Some((
            Status::Schema,
            "something in the schema has the name of a table that is needed",
            "rename it; nothing was changed",
        ));
    }
    let refers = code == ErrorCode::Unknown && text.contains(" has no column named ");
    (begins(&GONE) || refers).then_some((
        Status::Schema,
        "a trigger or a rule of the schema names a table, column or view that does not exist",
        "drop or repair it; nothing was changed",
    ))
}

/// Whether a statement failed for a reason that rules of the schema can have, which are computed for every value that is written:
/// functions, and what triggers do. What cannot be parsed is ours.
pub fn may_be_of_a_rule(error: &Error) -> bool {
    const OURS: [&str; 3] = ["near \"", "unrecognized token", "incomplete input"];
    error.status() == Status::Internal
        && error.vendor_code() == Some(rusqlite::ffi::SQLITE_ERROR)
        && !OURS.iter().any(|start| error.message().starts_with(start))
}

/// The error of a rule that fails, by that of the statement that set it off.
pub fn of_rule(error: &Error) -> Error {
    let message = format!("an index, a trigger or a rule of the schema cannot be computed ({})", error.message());
    let built = Error::new(Status::Schema, Domain::Database, message)
        .hint("drop or repair it, or change the values for which it fails; nothing was changed");
    let built = error.details().iter().fold(built, |built, detail| built.detail(detail.key.clone(), &detail.value));
    error.vendor_code().into_iter().fold(built, Error::vendor)
}

/// What is missing, by the message of an error that [`of_schema`] made.
pub fn missing_name(message: &str) -> Option<&str> {
    let (_, rest) = OF_THE_APPLICATION.iter().chain(&GONE).find_map(|start| message.split_once(start))?;
    // The rest says where that was.
    let name = rest.split(['(', ')']).next().unwrap_or(rest);
    Some(name.rsplit('.').next().unwrap_or(name)).filter(|name| !name.is_empty())
}

/// Whether a statement failed for the want of a function or a collation that only the application has.
pub fn needs_the_application(error: &Error) -> bool {
    error.status() == Status::Unsupported && OF_THE_APPLICATION.iter().any(|start| error.message().contains(start))
}

/// `NOT NULL constraint failed: METRIC.type` and `UNIQUE` name a table and a column; `CHECK` names neither.
fn constraint_place(text: &str) -> Option<(String, String)> {
    let (kind, place) = text.split_once(" constraint failed: ")?;
    let place = place.split(',').next().filter(|_| matches!(kind, "NOT NULL" | "UNIQUE"))?;
    let (table, column) = place.trim().split_once('.')?;
    Some((table.to_owned(), column.to_owned()))
}

fn classify(code: ErrorCode) -> (Status, &'static str, &'static str) {
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            (Status::Busy, "the database is locked by another connection", "try again, or raise busy_timeout_ms")
        }
        ErrorCode::NotADatabase => {
            (Status::Corrupt, "the file is not a SQLite database, or it is encrypted", "check the path")
        }
        ErrorCode::DatabaseCorrupt => (
            Status::Corrupt,
            "the database is damaged or truncated",
            "run PRAGMA integrity_check in the sqlite3 shell, or restore a backup",
        ),
        ErrorCode::CannotOpen => (
            Status::Io,
            "the database cannot be opened",
            "check the permissions of the file and of its folder, and the free space",
        ),
        ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            (Status::Io, "access to the database is denied", "check the permissions of the file")
        }
        ErrorCode::ReadOnly => {
            (Status::Io, "the database can only be read", "check the permissions of the file and of its folder")
        }
        ErrorCode::DiskFull => (
            Status::Io,
            "the disk is full, or a limit on the file's size was reached; nothing was changed",
            "free some space and try again",
        ),
        ErrorCode::SystemIoFailure => (
            Status::Io,
            "reading or writing the database failed; nothing was changed",
            "check the device and the free space",
        ),
        ErrorCode::FileLockingProtocolFailed => (Status::Busy, "", "try again"),
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
            (Status::Constraint, "", "compare the target's schema with the source's")
        }
        ErrorCode::TooBig => (Status::Limit, "a value is too large for SQLite", ""),
        ErrorCode::SchemaChanged => (Status::Busy, "another connection changed the schema", "try again"),
        ErrorCode::OutOfMemory => (Status::Limit, "out of memory", ""),
        ErrorCode::OperationInterrupted => (Status::Cancelled, "the statement was interrupted", ""),
        _ => (Status::Internal, "", ""),
    }
}

/// Whether somebody else's lock is in the way.
pub fn locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

/// Whether a read-only connection met a file that a crash left in need of recovery.
pub fn needs_recovery(error: &Error) -> bool {
    const READONLY_RECOVERY: i32 = 264;
    const READONLY_ROLLBACK: i32 = 776;
    const READONLY_CANTINIT: i32 = 1288;
    matches!(error.vendor_code(), Some(READONLY_RECOVERY | READONLY_ROLLBACK | READONLY_CANTINIT))
}

/// The error of a commit. One that could not be flushed is undecided: in a write-ahead log it stands complete all the same, and will be found by the
/// next open unless this connection can still clean up.
pub fn of_commit(cause: Error) -> Error {
    if cause.vendor_code() != Some(rusqlite::ffi::SQLITE_IOERR_FSYNC) {
        return cause;
    }
    undecided(cause)
}

/// The error of a commit of which nobody can tell whether it was made.
pub fn undecided(cause: Error) -> Error {
    let message = "the commit could not be flushed to the device; its changes will be there wholly or not at all";
    Error::undecided(Status::Io, Domain::Database, message).caused_by(cause)
}
