//! Why a command failed, and its exit status.

use expmig::{Error, Status};

/// `validate` found errors, or `compare` a difference.
pub const FOUND: i32 = 1;
const USAGE: i32 = 2;
const UNDECIDED: i32 = 3;
/// Of an error with a status of the library: so much more.
const ENGINE: i32 = 10;
const INTERRUPTED: i32 = 130;
const CLOSED: i32 = 141;

/// Why a command failed.
pub enum Failure {
    /// The library says no.
    Engine(Error),
    /// What was asked for makes no sense: message and what to do.
    Usage(String, String),
    /// Something that the command itself does failed: message and what to do.
    Io(String, String),
    /// Nobody reads the output any more.
    Closed,
}

pub type Outcome<T> = Result<T, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Engine(error)
    }
}

impl Failure {
    /// The status that the command ends with.
    pub fn status(&self, interrupted: bool) -> i32 {
        match self {
            Failure::Engine(error) if error.is_undecided() => UNDECIDED,
            Failure::Engine(error) if error.status() == Status::Cancelled && interrupted => INTERRUPTED,
            Failure::Engine(error) => ENGINE + error.status().code(),
            Failure::Usage(..) => USAGE,
            Failure::Io(..) => ENGINE + Status::Io.code(),
            Failure::Closed => CLOSED,
        }
    }
}
