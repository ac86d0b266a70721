//! The one error type of the crate: what went wrong ([`Status`]), which part raised it ([`Domain`]), one line for a
//! person, a hint, and machine-readable details that name the table, row, column, parameter or path.

use std::borrow::Cow;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use rustix::io::Errno;

/// How many rows an error names one by one.
pub const NAMED: usize = 20;

/// The result of everything fallible here.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum $name { $($(#[$doc])* $variant = $number,)+ }

        impl $name {
            /// Every value, in the order of its number.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The stable number: never reused, never changed.
            pub const fn code(self) -> i32 { self as i32 }

            /// The stable name, as in the C constant without its prefix.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The value with this number.
            pub fn from_code(code: i32) -> Option<$name> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }
        }
    };
}

codes! {
    /// What went wrong. Numbers are append-only.
    Status {
        /// An argument is outside what the function accepts.
        InvalidArgument = 1 "INVALID_ARGUMENT",
        /// The call is not allowed in this state (re-entered from a callback, or a read-only handle asked to write).
        Misuse = 2 "MISUSE",
        /// The file, experiment, table or name does not exist.
        NotFound = 3 "NOT_FOUND",
        /// Something that should be created exists already.
        AlreadyExists = 4 "ALREADY_EXISTS",
        /// This build or this database cannot do it.
        Unsupported = 5 "UNSUPPORTED",
        /// The operating system refused: permissions, a full disk, a failing device.
        Io = 6 "IO",
        /// Another connection holds a lock; the timeout passed.
        Busy = 7 "BUSY",
        /// The process holds the same file open through another copy of SQLite.
        SharedProcess = 8 "SHARED_PROCESS",
        /// The server cannot be reached, or the connection was lost.
        Connection = 9 "CONNECTION",
        /// The server refused the credentials or the privilege.
        Auth = 10 "AUTH",
        /// A constraint of the database refused a row.
        Constraint = 11 "CONSTRAINT",
        /// The file is not a database, or is damaged.
        Corrupt = 12 "CORRUPT",
        /// A table or column that is needed is missing or has another meaning.
        Schema = 13 "SCHEMA",
        /// The data broke a rule that the operation insists on.
        Validation = 14 "VALIDATION",
        /// Something would change or be left out, and that was not allowed.
        Lossy = 15 "LOSSY",
        /// Two things that must be equal differ.
        Mismatch = 16 "MISMATCH",
        /// A cancel token was triggered, or a progress callback asked to stop.
        Cancelled = 17 "CANCELLED",
        /// A time limit of the caller passed.
        Timeout = 18 "TIMEOUT",
        /// A callback of the caller failed.
        Callback = 19 "CALLBACK",
        /// A limit of the format or of the engine was reached.
        Limit = 20 "LIMIT",
        /// A bug in the library was caught; the handle can only be freed.
        Panic = 21 "PANIC",
        /// A state that should not exist; please report it.
        Internal = 22 "INTERNAL",
    }
}

codes! {
    /// Which part raised the error.
    Domain {
        /// Opening, connecting, reading and writing.
        Database = 1 "DATABASE",
        /// Checking the data.
        Validation = 2 "VALIDATION",
        /// Snapshots.
        Snapshot = 3 "SNAPSHOT",
        /// Metric transformations.
        Transformation = 4 "TRANSFORMATION",
        /// Export and import.
        ImportExport = 5 "IMPORT_EXPORT",
        /// Migration, digests and comparison.
        Migration = 6 "MIGRATION",
    }
}

/// One machine-readable fact about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// What the value is: `table`, `column`, `row`, `path`, `parameter`, `experiment_id`, ...
    pub key: Cow<'static, str>,
    /// The value, as text.
    pub value: String,
}

/// How to find out what became of a commit.
const LOOK_FIRST: &str = "find out what happened before you repeat the call: repeat a migration or an import with on_duplicate = skip; \
    simply repeat a restore; for a transformation, look at the list of transformations that can be undone, or at the digest of an experiment";

/// Why a call failed. Cheap to pass on: one pointer.
#[derive(Debug, thiserror::Error)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: Status,
    domain: Domain,
    message: String,
    hint: Option<String>,
    retryable: bool,
    vendor_code: Option<i32>,
    sqlstate: Option<String>,
    details: Vec<Detail>,
    cause: Option<Error>,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.message)
    }
}

impl Error {
    /// An error with a one-line message. BUSY and CONNECTION are retryable.
    pub fn new(status: Status, domain: Domain, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            status,
            domain,
            message: message.into(),
            hint: None,
            retryable: matches!(status, Status::Busy | Status::Connection),
            vendor_code: None,
            sqlstate: None,
            details: Vec::new(),
            cause: None,
        }))
    }

    /// A parameter that is not acceptable.
    pub fn argument(domain: Domain, parameter: &'static str, message: impl Into<String>) -> Error {
        Error::new(Status::InvalidArgument, domain, message).detail("parameter", parameter)
    }

    /// The operating system refused something with a file. `what` says what, without the reason.
    pub fn from_io(domain: Domain, what: &str, path: &Path, error: &std::io::Error) -> Error {
        if let Some(built) = Error::of_descriptors(domain, what, error) {
            return built.at(path);
        }
        let hint = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "free some space, or raise the limit on the size of files, and try again"
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "check the permissions of the file and of the folders above it"
            }
            _ => "check the path, the device and the free space",
        };
        Error::new(Status::Io, domain, format!("{what}: {error}")).at(path).hint(hint)
    }

    /// The error for running out of file descriptors; `None` if `error` is another one.
    pub fn of_descriptors(domain: Domain, what: &str, error: &std::io::Error) -> Option<Error> {
        let (whose, hint) = match error.raw_os_error().map(Errno::from_raw_os_error)? {
            Errno::MFILE => (
                "the process has",
                "close what need not be open, or raise the limit on open files (ulimit -n), and try again",
            ),
            Errno::NFILE => ("the system has", "close what need not be open, or raise fs.file-max, and try again"),
            _ => return None,
        };
        let message = format!("{what}: {whose} no file descriptor left ({error})");
        let built = Error::new(Status::Io, domain, message).detail("errno", error.raw_os_error().unwrap_or(0));
        Some(built.hint(hint))
    }

    /// A state that should not exist.
    pub fn internal(domain: Domain, message: impl Into<String>) -> Error {
        Error::new(Status::Internal, domain, message).hint("this is a bug in expmig; please report it with the message")
    }

    /// Adds what the caller can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the absolute path of the file or folder that the error is about, to the message and as the detail `path`. It is added only
    /// once.
    pub fn at(mut self, path: impl AsRef<Path>) -> Error {
        let path = path.as_ref();
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let shown = absolute.display().to_string();
        if self.0.details.iter().any(|detail| detail.key == "path" && detail.value == shown) {
            return self;
        }
        self.0.message.push_str(": ");
        // A message is one line, whatever the file is called.
        self.0
            .message
            .extend(shown.chars().map(|one| if one.is_control() { char::REPLACEMENT_CHARACTER } else { one }));
        self.detail("path", shown)
    }

    /// Adds a fact.
    pub fn detail(mut self, key: impl Into<Cow<'static, str>>, value: impl ToString) -> Error {
        self.0.details.push(Detail { key: key.into(), value: value.to_string() });
        self
    }

    /// The error of a commit of which it is unknown whether it was made. It is not retryable, because a second call could do the same
    /// again.
    pub fn undecided(status: Status, domain: Domain, message: impl Into<String>) -> Error {
        let mut error = Error::new(status, domain, message).detail("outcome", "undecided").hint(LOOK_FIRST);
        error.0.retryable = false;
        error
    }

    /// Whether it is unknown if the changes were made.
    pub fn is_undecided(&self) -> bool {
        self.0.details.iter().any(|detail| detail.key == "outcome" && detail.value == "undecided")
    }

    /// The same error, raised by another part.
    pub fn in_domain(mut self, domain: Domain) -> Error {
        self.0.domain = domain;
        self
    }

    /// Adds the code of the database engine: SQLite's extended result code or MySQL's errno.
    pub fn vendor(mut self, code: i32) -> Error {
        self.0.vendor_code = Some(code);
        self
    }

    /// Adds the SQLSTATE.
    pub fn with_sqlstate(mut self, state: &str) -> Error {
        self.0.sqlstate = Some(state.to_owned());
        self
    }

    /// Adds what led to this error.
    pub fn caused_by(mut self, cause: Error) -> Error {
        self.0.cause = Some(cause);
        self
    }

    /// What went wrong.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// Which part of the library raised the error.
    pub fn domain(&self) -> Domain {
        self.0.domain
    }

    /// One line for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about the error, if anything can be done.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the same call can succeed later without any change.
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// The engine's own code, if the engine raised it.
    pub fn vendor_code(&self) -> Option<i32> {
        self.0.vendor_code
    }

    /// The SQLSTATE, if the engine has one.
    pub fn sqlstate(&self) -> Option<&str> {
        self.0.sqlstate.as_deref()
    }

    /// The facts, in the order they were added.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// The error that led to this one.
    pub fn cause(&self) -> Option<&Error> {
        self.0.cause.as_ref()
    }

    /// The whole error as a JSON object, schema `expmig.error/1`.
    pub fn to_json(&self) -> serde_json::Value {
        let inner = &self.0;
        let details: serde_json::Value =
            inner.details.iter().map(|detail| serde_json::json!({"key": detail.key, "value": detail.value})).collect();
        serde_json::json!({
            "schema": "expmig.error/1",
            "status": inner.status.name(),
            "status_code": inner.status.code(),
            "domain": inner.domain.name(),
            "message": inner.message,
            "hint": inner.hint,
            "retryable": inner.retryable,
            "vendor_code": inner.vendor_code,
            "sqlstate": inner.sqlstate,
            "details": details,
            "cause": inner.cause.as_ref().map(Error::to_json),
        })
    }
}
