//! Statuses and domains as C constants.

use crate::error::{Domain, Status};

/// What a function returns: EXPMIG_OK, or what went wrong. Numbers are never reused; new ones may be added.
pub type expmig_status = i32;

/// Which part of the library raised an error. Numbers are never reused; new ones may be added.
pub type expmig_domain = i32;

/// Checks at compile time that the literals that the header needs are the numbers of the engine.
macro_rules! same {
    ($($constant:ident = $value:expr;)+) => { $(const _: () = assert!($constant == $value.code());)+ };
}

/// The call succeeded.
pub const EXPMIG_OK: expmig_status = 0;
/// An argument is outside what the function accepts; the detail `parameter` names it.
pub const EXPMIG_INVALID_ARGUMENT: expmig_status = 1;
/// The call is not allowed in this state: from inside a callback of the same handle, or writing through a read-only handle.
pub const EXPMIG_MISUSE: expmig_status = 2;
/// The file, experiment or name does not exist.
pub const EXPMIG_NOT_FOUND: expmig_status = 3;
/// Something that should be created exists already.
pub const EXPMIG_ALREADY_EXISTS: expmig_status = 4;
/// This build or this database cannot do it.
pub const EXPMIG_UNSUPPORTED: expmig_status = 5;
/// The operating system refused: permissions, a full disk, a failing device.
pub const EXPMIG_IO: expmig_status = 6;
/// Another connection holds a lock and the timeout passed. Retryable.
pub const EXPMIG_BUSY: expmig_status = 7;
/// This process holds the same file open through another copy of SQLite.
pub const EXPMIG_SHARED_PROCESS: expmig_status = 8;
/// The server cannot be reached, or the connection was lost. Retryable.
pub const EXPMIG_CONNECTION: expmig_status = 9;
/// The server refused the credentials or the privilege.
pub const EXPMIG_AUTH: expmig_status = 10;
/// A constraint of the database refused a row.
pub const EXPMIG_CONSTRAINT: expmig_status = 11;
/// The file is not a database, or is damaged.
pub const EXPMIG_CORRUPT: expmig_status = 12;
/// A table or column that is needed is missing.
pub const EXPMIG_SCHEMA: expmig_status = 13;
/// The data broke a rule that the operation insists on.
pub const EXPMIG_VALIDATION: expmig_status = 14;
/// Something would be changed or left out, and that was not allowed.
pub const EXPMIG_LOSSY: expmig_status = 15;
/// Two things that must be equal differ.
pub const EXPMIG_MISMATCH: expmig_status = 16;
/// A cancel token was triggered, or a callback returned EXPMIG_CALLBACK_CANCEL.
pub const EXPMIG_CANCELLED: expmig_status = 17;
/// A time limit of the caller passed.
pub const EXPMIG_TIMEOUT: expmig_status = 18;
/// A callback failed; the detail `callback_result` has its value.
pub const EXPMIG_CALLBACK: expmig_status = 19;
/// A limit of the format or of the database engine was reached.
pub const EXPMIG_LIMIT: expmig_status = 20;
/// A bug in the library was caught. The handle returns EXPMIG_PANIC from now on and can only be freed.
pub const EXPMIG_PANIC: expmig_status = 21;
/// A state that should not exist; please report it.
pub const EXPMIG_INTERNAL: expmig_status = 22;

/// Opening, connecting, reading and writing.
pub const EXPMIG_DOMAIN_DATABASE: expmig_domain = 1;
/// Checking the data.
pub const EXPMIG_DOMAIN_VALIDATION: expmig_domain = 2;
/// Snapshots.
pub const EXPMIG_DOMAIN_SNAPSHOT: expmig_domain = 3;
/// Metric transformations.
pub const EXPMIG_DOMAIN_TRANSFORMATION: expmig_domain = 4;
/// Export and import.
pub const EXPMIG_DOMAIN_IMPORT_EXPORT: expmig_domain = 5;
/// Migration, digests and comparison.
pub const EXPMIG_DOMAIN_MIGRATION: expmig_domain = 6;

same! {
    EXPMIG_INVALID_ARGUMENT = Status::InvalidArgument;
    EXPMIG_MISUSE = Status::Misuse;
    EXPMIG_NOT_FOUND = Status::NotFound;
    EXPMIG_ALREADY_EXISTS = Status::AlreadyExists;
    EXPMIG_UNSUPPORTED = Status::Unsupported;
    EXPMIG_IO = Status::Io;
    EXPMIG_BUSY = Status::Busy;
    EXPMIG_SHARED_PROCESS = Status::SharedProcess;
    EXPMIG_CONNECTION = Status::Connection;
    EXPMIG_AUTH = Status::Auth;
    EXPMIG_CONSTRAINT = Status::Constraint;
    EXPMIG_CORRUPT = Status::Corrupt;
    EXPMIG_SCHEMA = Status::Schema;
    EXPMIG_VALIDATION = Status::Validation;
    EXPMIG_LOSSY = Status::Lossy;
    EXPMIG_MISMATCH = Status::Mismatch;
    EXPMIG_CANCELLED = Status::Cancelled;
    EXPMIG_TIMEOUT = Status::Timeout;
    EXPMIG_CALLBACK = Status::Callback;
    EXPMIG_LIMIT = Status::Limit;
    EXPMIG_PANIC = Status::Panic;
    EXPMIG_INTERNAL = Status::Internal;
    EXPMIG_DOMAIN_DATABASE = Domain::Database;
    EXPMIG_DOMAIN_VALIDATION = Domain::Validation;
    EXPMIG_DOMAIN_SNAPSHOT = Domain::Snapshot;
    EXPMIG_DOMAIN_TRANSFORMATION = Domain::Transformation;
    EXPMIG_DOMAIN_IMPORT_EXPORT = Domain::ImportExport;
    EXPMIG_DOMAIN_MIGRATION = Domain::Migration;
}
