//! Converts the errors of the server and of the connection to errors of the library.

use std::io::{self, ErrorKind};

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorResponseBody;

use crate::error::{Domain, Error, Status};
use crate::schema::table_of_any;

/// The SQLSTATEs that are looked for (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
pub const QUERY_CANCELED: &str = "57014";
pub const NO_SUCH_DATABASE: &str = "3D000";
pub const READ_ONLY: &str = "25006";

/// What the server says of a failure.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub state: String,
    pub message: String,
    pub detail: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
    pub constraint: Option<String>,
    /// The server ends the connection.
    pub fatal: bool,
}

impl Said {
    /// Whether a row was refused because of the primary key of a table of experiments.
    fn is_a_new_key(&self) -> bool {
        let known = self.table.as_ref().is_some_and(|table| table_of_any(table).is_some());
        known && self.constraint.as_ref().is_some_and(|name| name.ends_with("_pkey"))
    }

    pub fn read(body: &ErrorResponseBody) -> io::Result<Said> {
        let mut said = Said::default();
        let mut fields = body.fields();
        while let Some(field) = fields.next()? {
            let text = one_line(&String::from_utf8_lossy(field.value_bytes()));
            match field.type_() {
                b'C' => said.state = text,
                b'M' => said.message = text,
                b'D' => said.detail = Some(text),
                b't' => said.table = Some(text),
                b'c' => said.column = Some(text),
                b'n' => said.constraint = Some(text),
                // Not translated, but not told by servers before 9.6.
                b'V' => said.fatal = matches!(text.as_str(), "FATAL" | "PANIC"),
                _ => {}
            }
        }
        Ok(said)
    }
}

/// Why a statement failed: what the server says is kept as it is, since some is no reason to give up.
pub enum Failure {
    Server(Box<Said>),
    Ours(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Ours(error)
    }
}

impl Failure {
    /// As ours; `place` names the schema.
    pub fn into_error(self, place: &str) -> Error {
        match self {
            Failure::Server(said) => of_server(&said, place),
            Failure::Ours(error) => error,
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// The error of a statement.
pub fn of_server(said: &Said, place: &str) -> Error {
    let (status, what, hint) = classify(said);
    let detail = said.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    let text = format!("{}{detail}", said.message);
    let message = if what.is_empty() { text } else { format!("{what} ({text})") };
    let error = Error::new(status, Domain::Database, message).with_sqlstate(&said.state);
    let error = if hint.is_empty() { error } else { error.hint(hint) };
    let named = [("table", &said.table), ("column", &said.column), ("constraint", &said.constraint)];
    let named = named.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?)));
    named.fold(error, |error, (key, name)| error.detail(key, name)).detail("database", place)
}

const SCHEMAS_DIFFER: &str = "compare the target's schema with the source's";

fn classify(said: &Said) -> (Status, &'static str, &'static str) {
    match said.state.as_str() {
        "28P01" | "28000" => (
            Status::Auth,
            "the server refuses the user or the password",
            "check the user, the password, sslmode, and what pg_hba.conf lets in",
        ),
        NO_SUCH_DATABASE => (
            Status::NotFound,
            "there is no such database",
            "check the URL; create the database first: expmig creates schemas and tables in it, and no databases",
        ),
        "3F000" => {
            (Status::NotFound, "there is no such schema", "check the URL; EXPMIG_OPEN_CREATE creates a new schema")
        }
        "42501" if said.message.contains("row-level security") => (
            Status::Auth,
            "a policy of a table hides rows from the account, and a hidden row would be a lost row",
            "use the owner of the table, or an account with BYPASSRLS",
        ),
        "42501" => (Status::Auth, "the account lacks a right", "grant it, or use another account"),
        "55P03" | "40P01" => (
            Status::Busy,
            "another transaction holds a lock; nothing was changed",
            "try again, or raise busy_timeout_ms",
        ),
        "40001" if said.message.contains("recovery") => (
            Status::Busy,
            "the standby had to end the statement, for the server that it follows has removed what it reads; nothing was changed",
            "try again, or set hot_standby_feedback or a longer max_standby_streaming_delay",
        ),
        "40001" => (Status::Busy, "another transaction changed a row meanwhile; nothing was changed", "try again"),
        "0A000" if said.message.contains("cached plan") => {
            (Status::Busy, "another connection changed the schema", "try again")
        }
        "0A000" => (Status::Unsupported, "the server cannot do what was asked of it", "the server's manual says more"),
        "53300" => (Status::Connection, "the server takes no more connections", "try again later"),
        "57P03" => (Status::Connection, "the server is not ready", "try again later"),
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" => {
            (Status::Connection, "the connection was ended by the server", "try again when the server can be reached")
        }
        QUERY_CANCELED if said.message.contains("statement timeout") => {
            (Status::Timeout, "a statement took longer than the server allows", "raise statement_timeout")
        }
        QUERY_CANCELED => {
            (Status::Cancelled, "the statement was interrupted", "somebody ended it with pg_cancel_backend")
        }
        "26000" | "42P05" => (
            Status::Unsupported,
            "the session is not the one that was made ready",
            "a pooler in between has to give each connection a session of its own (pool_mode = session)",
        ),
        READ_ONLY => (
            Status::Io,
            "the server takes no writes now",
            "it is a standby, or set to be read only; use the primary server",
        ),
        "53100" => (Status::Io, "the server's disk is full; nothing was changed", "free some space and try again"),
        "53200" => (
            Status::Limit,
            "the server is out of memory; nothing was changed",
            "try again when less is going on there, or give the server more memory",
        ),
        "XX001" | "XX002" => (Status::Corrupt, "a table or an index is damaged", "run pg_amcheck on the server"),
        "23503" => (Status::Constraint, "a foreign key refuses what was written", SCHEMAS_DIFFER),
        // The keys of rows of ours are new.
        "23505" if said.is_a_new_key() => (
            Status::Busy,
            "another client wrote a row with a key that this job had chosen; nothing was changed",
            "try again",
        ),
        "22021" | "22P05" => (
            Status::Constraint,
            "the server takes no text with such a character",
            "a text with a NUL, or one that is no UTF-8, has no place in PostgreSQL; change the value",
        ),
        "P0001" => (
            Status::Constraint,
            "a trigger, or something that it calls, refuses what is written",
            "change the data, or the trigger; nothing was changed",
        ),
        "42P01" => (Status::Schema, "a table is gone", "check the schema"),
        "42703" => (Status::Schema, "a column is gone", "check the schema"),
        "54000" | "54001" | "54011" | "54023" => {
            (Status::Limit, "a limit of the server was reached; nothing was changed", "the server's manual says more")
        }
        state => match state.get(..2) {
            Some("08") => (Status::Connection, "", "try again when the server can be reached"),
            Some("28") => (Status::Auth, "", "check the user and the password"),
            Some("22") => (Status::Constraint, "a value does not fit its column", SCHEMAS_DIFFER),
            Some("23" | "44") => (Status::Constraint, "", SCHEMAS_DIFFER),
            Some("40" | "55") => (Status::Busy, "", "try again"),
            Some("53" | "54") => (Status::Limit, "", "the server's manual says more"),
            Some("57" | "58") => (Status::Io, "", "look into the server's log"),
            // Statements that the server does not understand are ours.
            Some("42" | "34") => (Status::Internal, "", ""),
            _ => (
                Status::Unsupported,
                "the server refuses what was asked of it",
                "the SQLSTATE is the server's, whose manual says more",
            ),
        },
    }
}

/// The error of the connection.
pub fn of_connection(error: &io::Error, place: &str) -> Error {
    const UNLESS: &str = "nothing was changed, unless the error is that of a commit";
    let built = match error.kind() {
        ErrorKind::TimedOut => Error::new(Status::Timeout, Domain::Database, "the server did not answer in time")
            .hint(format!("{UNLESS}; try again, or raise read-timeout-ms in the URL (read_timeout in Python)")),
        kind => {
            let why = if kind == ErrorKind::UnexpectedEof {
                "the server closed it".to_owned()
            } else {
                one_line(&error.to_string())
            };
            Error::new(Status::Connection, Domain::Database, format!("the connection was lost ({why})"))
                .hint(format!("{UNLESS}; try again when the server can be reached"))
        }
    };
    built.detail("database", place)
}

/// The error of a server that cannot be connected to.
pub fn of_connecting(error: &io::Error, place: &str) -> Error {
    const WHAT: &str = "the server cannot be connected to";
    if let Some(named) = Error::of_descriptors(Domain::Database, WHAT, error) {
        return named.detail("database", place);
    }
    let built = match error.kind() {
        ErrorKind::TimedOut => late(),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => not_understood(&error.to_string()),
        ErrorKind::UnexpectedEof => not_understood("it hung up"),
        _ => Error::new(
            Status::Connection,
            Domain::Database,
            format!("the server cannot be reached ({})", one_line(&error.to_string())),
        )
        .hint("check the host, the port or the folder of the socket in the URL, and that the server runs"),
    };
    built.detail("database", place)
}

/// Connecting took too long.
pub fn late() -> Error {
    Error::new(Status::Timeout, Domain::Database, "connecting to the server took too long")
        .hint("check the host and the port, or raise connect-timeout-ms in the URL")
}

/// What is at the other end says what no PostgreSQL says.
pub fn not_understood(why: &str) -> Error {
    Error::new(Status::Connection, Domain::Database, format!("the server was not understood ({})", one_line(why)))
        .hint("check that the URL names a PostgreSQL server")
}

/// TLS could not be agreed on.
pub fn of_tls(why: &str, place: &str) -> Error {
    Error::new(Status::Connection, Domain::Database, format!("TLS failed ({})", one_line(why)))
        .detail("database", place)
        .hint("check sslrootcert, the server's certificate and the name of the host, or choose another sslmode")
}

#[cfg(test)]
mod tests {
    use super::{Said, of_server};
    use crate::error::Status;

    #[test]
    fn every_class_of_states_has_a_status_and_what_to_do() {
        for (state, status) in [
            ("28P01", Status::Auth),
            ("3D000", Status::NotFound),
            ("40001", Status::Busy),
            ("55P03", Status::Busy),
            ("23514", Status::Constraint),
            ("22003", Status::Constraint),
            ("25006", Status::Io),
            ("53100", Status::Io),
            ("57P01", Status::Connection),
            ("08006", Status::Connection),
            ("XX000", Status::Unsupported),
            ("54001", Status::Limit),
        ] {
            let said = Said { state: state.to_owned(), message: "no".to_owned(), ..Said::default() };
            let error = of_server(&said, "postgresql://there/x");
            assert_eq!((error.status(), error.sqlstate()), (status, Some(state)));
            assert!(error.hint_text().is_some(), "{}", error.to_json());
        }
    }
}
