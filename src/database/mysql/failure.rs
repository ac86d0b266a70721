//! Converts the errors of the server and of the driver to errors of the library.

use std::io::ErrorKind;

use mysql::{DriverError, Error as Cause, MySqlError};
use mysql_common::proto::codec::error::PacketCodecError as Codec;

use crate::error::{Domain, Error, Status};
use crate::files::out_of_descriptors;

/// The server's own numbers (https://dev.mysql.com/doc/mysql-errors/, https://mariadb.com/kb/en/mariadb-error-codes/).
pub const LOCK_WAIT_TIMEOUT: u16 = 1205;
const DEADLOCK: u16 = 1213;
const DUPLICATE: u16 = 1062;
pub const UNKNOWN_SCHEMA: u16 = 1049;

/// The error of a statement or of connecting; `place` names the schema.
pub fn translate(error: Cause, place: &str) -> Error {
    let built = match error {
        Cause::MySqlError(error) => of_server(&error),
        Cause::IoError(error) => of_connection(error.kind(), &error.to_string()),
        Cause::DriverError(error) => of_driver(&error),
        Cause::TlsError(error) => Error::new(Status::Connection, Domain::Database, format!("TLS failed ({error})"))
            .hint("check ssl-ca, the server's certificate and the name of the host, or choose another ssl-mode"),
        Cause::CodecError(Codec::Io(error)) => of_connection(error.kind(), &error.to_string()),
        Cause::CodecError(Codec::PacketTooLarge) => too_large("a packet is larger than the server takes"),
        Cause::CodecError(error) => {
            let message = format!("the connection is out of step ({})", one_line(&error.to_string()));
            Error::new(Status::Connection, Domain::Database, message).hint("try again")
        }
        Cause::FromRowError(_) => not_understood("it does not identify itself as MySQL or MariaDB do"),
        // What else the driver makes of values is never used.
        _ => Error::internal(Domain::Database, "the driver failed in a way that it should not"),
    };
    built.detail("database", place)
}

/// The error of connecting: what says nonsense is no server, whatever the nonsense looks like.
pub fn of_connecting(error: Cause, place: &str) -> Error {
    // The driver tells of it in many ways, and the socket is closed by now that it may have got.
    if !matches!(error, Cause::MySqlError(_))
        && let Some(cause) = out_of_descriptors()
        && let Some(named) = Error::of_descriptors(Domain::Database, "the server cannot be connected to", &cause)
    {
        return named.detail("database", place);
    }
    match error {
        Cause::DriverError(DriverError::PacketTooLarge) | Cause::CodecError(Codec::PacketTooLarge) => {
            not_understood("its answer is too long").detail("database", place)
        }
        error => translate(error, place),
    }
}

/// Whether the server gave up waiting for another transaction's lock, which undoes the statement alone.
pub fn is_lock_wait(error: &Cause) -> bool {
    matches!(error, Cause::MySqlError(error) if error.code == LOCK_WAIT_TIMEOUT)
}

/// Whether the server undid a transaction because two waited for each other.
pub fn is_deadlock(error: &Cause) -> bool {
    matches!(error, Cause::MySqlError(error) if error.code == DEADLOCK)
}

/// Whether the server has no TLS to offer.
pub fn lacks_tls(error: &Cause) -> bool {
    matches!(error, Cause::DriverError(DriverError::TlsNotSupported))
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// What Galera says of a transaction that its limits do not let through, the first with the number of an unknown error, and what to do about it.
const TOO_LARGE_FOR_GALERA: [(&str, &str); 2] = [
    (
        "Maximum writeset size exceeded",
        "copy in stages, raise wsrep_max_ws_size on every node (2 GiB is the most), or give fragment-bytes in the URL (docs/clusters.md)",
    ),
    (
        "wsrep_max_ws_rows exceeded",
        "copy in stages, raise wsrep_max_ws_rows on every node (0 is no limit), or give fragment-bytes in the URL (docs/clusters.md)",
    ),
];
const ERROR_DURING_COMMIT: u16 = 1180;
const TOO_LARGE: &str = "the transaction is larger than the server takes; nothing was changed";
const UNKNOWN_COMMAND: u16 = 1047;

/// An option of the server's is in the way: most of all that it takes no writes.
const OPTION_PREVENTS: u16 = 1290;

/// Whether it is memory that a setting keeps from the session.
fn keeps_memory(error: &MySqlError) -> bool {
    error.code == OPTION_PREVENTS && error.message.contains("max-session-mem-used")
}

/// Whether a row was refused because of its primary key. Those of ours are new, so somebody else's came between.
fn takes_a_new_id(error: &MySqlError) -> bool {
    // MariaDB names the index, MySQL the table too.
    error.code == DUPLICATE && (error.message.ends_with("'PRIMARY'") || error.message.ends_with(".PRIMARY'"))
}

fn of_server(error: &MySqlError) -> Error {
    let of_galera = TOO_LARGE_FOR_GALERA.iter().find(|(said, _)| error.message.contains(said));
    let (status, said, hint) = if let Some((_, hint)) = of_galera {
        (Status::Limit, TOO_LARGE, *hint)
    } else if error.code == UNKNOWN_COMMAND && error.message.contains("WSREP") {
        (
            Status::Connection,
            "the node is not part of the majority of its cluster",
            "use another node, or try again when this one has joined the others",
        )
    } else if takes_a_new_id(error) {
        (
            Status::Busy,
            "another client wrote a row with a key that this job had chosen; nothing was changed",
            "try again",
        )
    } else if keeps_memory(error) {
        (
            Status::Limit,
            "the server gives a session too little memory; nothing was changed",
            "raise max_session_mem_used",
        )
    } else {
        classify(error.code, &error.state)
    };
    let text = one_line(&error.message);
    let message = if said.is_empty() { text } else { format!("{said} ({text})") };
    let built = Error::new(status, Domain::Database, message).vendor(i32::from(error.code)).with_sqlstate(&error.state);
    if hint.is_empty() { built } else { built.hint(hint) }
}

fn of_connection(kind: ErrorKind, text: &str) -> Error {
    match kind {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::new(
            Status::Timeout,
            Domain::Database,
            "the server did not answer in time",
        )
        .hint(
            "nothing was changed, unless the error is that of a commit; try again, or raise read-timeout-ms in the URL \
                 (read_timeout in Python)",
        ),
        _ => {
            // TLS has a link to its own manual for this.
            let why = if kind == ErrorKind::UnexpectedEof { "the server closed it".to_owned() } else { one_line(text) };
            Error::new(Status::Connection, Domain::Database, format!("the connection was lost ({why})")).hint(
                "nothing was changed, unless the error is that of a commit; try again when the server can be reached",
            )
        }
    }
}

fn of_driver(error: &DriverError) -> Error {
    match error {
        DriverError::ConnectTimeout | DriverError::Timeout => {
            Error::new(Status::Timeout, Domain::Database, "connecting to the server took too long")
                .hint("check the host and the port, or raise connect-timeout-ms in the URL")
        }
        DriverError::CouldNotConnect(why) => {
            let why = why.as_ref().map_or_else(String::new, |(_, text, _)| format!(" ({})", one_line(text)));
            Error::new(Status::Connection, Domain::Database, format!("the server cannot be reached{why}"))
                .hint("check the host, the port or the socket in the URL, and that the server runs")
        }
        DriverError::TlsNotSupported => {
            Error::new(Status::Connection, Domain::Database, "the server offers no TLS, which the URL asks for")
                .hint("configure TLS on the server, or choose ssl-mode=preferred or disabled")
        }
        DriverError::PacketTooLarge => too_large("a packet is larger than the server takes"),
        DriverError::UnknownAuthPlugin(_)
        | DriverError::OldMysqlPasswordDisabled
        | DriverError::CleartextPluginDisabled => Error::new(
            Status::Auth,
            Domain::Database,
            format!("the account cannot be used here: {}", one_line(&error.to_string())),
        )
        .hint("use an account with caching_sha2_password or mysql_native_password"),
        other => not_understood(&other.to_string()),
    }
}

fn not_understood(why: &str) -> Error {
    let message = format!("the server was not understood ({})", one_line(why));
    Error::new(Status::Connection, Domain::Database, message).hint("check that the URL names a MySQL or MariaDB server")
}

fn too_large(message: &str) -> Error {
    Error::new(Status::Limit, Domain::Database, message)
        .hint("raise max_allowed_packet on the server; nothing was changed")
}

fn classify(code: u16, state: &str) -> (Status, &'static str, &'static str) {
    match code {
        1044 | 1045 | 1698 | 1862 | 3118 | 3955 => (
            Status::Auth,
            "the server refuses the user or the password",
            "check the user, the password and the host it may come from",
        ),
        1142 | 1143 | 1227 | 1370 | 1410 => {
            (Status::Auth, "the account lacks a right", "grant it, or use another account")
        }
        3159 => (Status::Auth, "the server insists on TLS", "use ssl-mode=required in the URL"),
        UNKNOWN_SCHEMA => {
            (Status::NotFound, "there is no such schema", "check the URL; EXPMIG_OPEN_CREATE creates a new schema")
        }
        LOCK_WAIT_TIMEOUT => (
            Status::Busy,
            "another transaction holds a lock; nothing was changed",
            "try again, or raise busy_timeout_ms",
        ),
        // The second is Group Replication's; Galera has no number of its own.
        DEADLOCK | 3101 => (
            Status::Busy,
            "another transaction, here or on another node of a cluster, was in the way; nothing was changed",
            "try again",
        ),
        1412 => (Status::Busy, "another connection changed the schema", "try again"),
        1020 => (Status::Busy, "another transaction changed a row meanwhile; nothing was changed", "try again"),
        1040 | 1203 | 1226 => (Status::Connection, "the server takes no more connections", "try again later"),
        1053 | 1152 | 1158 | 1159 | 1160 | 1161 | 1184 | 1927 | 2006 | 2013 | 4031 => {
            (Status::Connection, "the connection was ended by the server", "try again when the server can be reached")
        }
        1317 => (Status::Cancelled, "the statement was interrupted", "somebody ended it with KILL QUERY"),
        1969 | 3024 => (
            Status::Timeout,
            "a statement took longer than the server allows",
            "raise max_execution_time or max_statement_time",
        ),
        OPTION_PREVENTS | 1792 | 1836 => {
            (Status::Io, "the server takes no writes now", "it is read-only; use the primary server")
        }
        // The number of any refusal by the group at a commit: only the server's log has the reason.
        3100 | 3231 => (
            Status::Limit,
            "the group refuses the transaction, as a rule because it is too large; nothing was changed",
            "raise group_replication_transaction_size_limit on every member (0 is no limit); the server's error log has the \
             size, or another reason",
        ),
        3796 | 3797 => (
            Status::Timeout,
            "this member of the group did not catch up with the others in time",
            "try again, or use the primary",
        ),
        1021 | 1026 | 1114 | 1534 | 3675 => (
            Status::Io,
            "the server's disk or table space is full; nothing was changed",
            "free some space and try again",
        ),
        1030 | 1015 | 1016 => {
            (Status::Io, "the server's storage failed; nothing was changed", "look into the server's error log")
        }
        // Of Group Replication, Galera, and MySQL's sql_require_primary_key.
        3098 => (
            Status::Schema,
            "the group takes no rows of a table that has no primary key, or, where every member takes writes, foreign keys that cascade",
            "change the table; nothing was changed",
        ),
        1173 | 3750 => (
            Status::Schema,
            "the server insists on a primary key, which a table lacks",
            "add a primary key to the table; nothing was changed",
        ),
        3921 | 3922 => (
            Status::Unsupported,
            "the server takes compressed connections only, which expmig does not make",
            "add uncompressed to protocol_compression_algorithms on the server",
        ),
        1034 | 1035 | 1194 | 1195 => (Status::Corrupt, "a table is damaged", "run CHECK TABLE on the server"),
        1153 | 1301 => (
            Status::Limit,
            "a statement is larger than the server takes; nothing was changed",
            "raise max_allowed_packet on the server",
        ),
        1197 | 1206 | 1104 | ERROR_DURING_COMMIT => {
            (Status::Limit, TOO_LARGE, "raise the server's limit (docs/servers.md names them)")
        }
        1038 => (
            Status::Limit,
            "the server has too little memory for sorting; nothing was changed",
            "raise sort_buffer_size on the server",
        ),
        1037 | 1041 => (
            Status::Limit,
            "the server is out of memory; nothing was changed",
            "try again when less is going on there, or give the server more memory",
        ),
        1048 | DUPLICATE | 1169 | 1216 | 1217 | 1451 | 1452 | 1557 | 1761 | 1762 | 3819 | 4025 | 1364 => {
            (Status::Constraint, "", "compare the target's schema with the source's")
        }
        1264 | 1265 | 1292 | 1366 | 1406 | 1525 | 3140 | 3141 | 3988 => {
            (Status::Constraint, "a value does not fit its column", "compare the target's schema with the source's")
        }
        4119 | 4120 => (
            Status::Unsupported,
            "the table is system-versioned, so the server does not let it be changed",
            "run SET SESSION system_versioning_alter_history = KEEP, and then the statement, in a session of your own",
        ),
        // SIGNAL, whatever state it gives.
        1643 | 1644 => REFUSED_BY_A_TRIGGER,
        1136 | 1305 | 1318 | 1356 | 1415 | 1422 | 1424 | 1442 | 1449 | 1456 => {
            (Status::Schema, "a trigger, a view or a function of the schema cannot be run", "repair or drop it")
        }
        1146 => (Status::Schema, "a table is gone", "check the schema"),
        1054 => (Status::Schema, "a column is gone", "check the schema"),
        _ => match state.get(..2) {
            Some("08") => (Status::Connection, "", "try again when the server can be reached"),
            Some("28") => (Status::Auth, "", "check the user and the password"),
            Some("40") => (Status::Busy, "", "try again"),
            Some("23" | "22") => (Status::Constraint, "", "compare the target's schema with the source's"),
            Some("01" | "02" | "45") => REFUSED_BY_A_TRIGGER,
            // Statements that the server does not understand are ours.
            Some("42") => (Status::Internal, "", ""),
            _ => (
                Status::Unsupported,
                "the server refuses a statement",
                "the vendor code is the server's error number, which its manual explains",
            ),
        },
    }
}

const REFUSED_BY_A_TRIGGER: (Status, &str, &str) = (
    Status::Constraint,
    "a trigger, or something that it calls, refuses what is written",
    "change the data, or the trigger; nothing was changed",
);

/// Why a statement failed: the server's or the driver's reason is kept as it is, since some are no reason to give up.
pub enum Failure {
    Server(Cause),
    Ours(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Ours(error)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, MySqlError, translate};
    use crate::error::Status;

    #[test]
    fn what_a_server_insists_on_is_named() {
        for (code, state, status) in [
            (3098, "HY000", Status::Schema),
            (3750, "HY000", Status::Schema),
            (1173, "42000", Status::Schema),
            (3922, "HY000", Status::Unsupported),
        ] {
            let error = MySqlError { state: state.to_owned(), message: "The table does not comply".to_owned(), code };
            let error = translate(Cause::MySqlError(error), "mysql://there/schema");
            assert_eq!((error.status(), error.vendor_code()), (status, Some(i32::from(code))));
            assert!(error.hint_text().is_some(), "{}", error.to_json());
        }
    }

    #[test]
    fn memory_that_a_setting_keeps_back_is_not_called_a_server_that_takes_no_writes() {
        for (option, status) in [("--read-only", Status::Io), ("--max-session-mem-used", Status::Limit)] {
            let message = format!("The server is running with the {option} option so it cannot execute this statement");
            let error = translate(
                Cause::MySqlError(MySqlError { state: "HY000".to_owned(), message, code: 1290 }),
                "mysql://there/schema",
            );
            assert_eq!((error.status(), error.retryable()), (status, false), "{}", error.to_json());
        }
    }

    #[test]
    fn a_refusal_of_a_cluster_says_what_to_do() {
        for (code, message, status, retryable, named) in [
            (1105, "Maximum writeset size exceeded", Status::Limit, false, "wsrep_max_ws_size"),
            (1180, "wsrep_max_ws_rows exceeded", Status::Limit, false, "wsrep_max_ws_rows"),
            (3231, "exceeds a limit", Status::Limit, false, "group_replication_transaction_size_limit"),
            (1213, "Deadlock found when trying to get lock", Status::Busy, true, "try again"),
            (3101, "Plugin instructed the server to rollback", Status::Busy, true, "try again"),
            (1047, "WSREP has not yet prepared node for application use", Status::Connection, true, "another node"),
        ] {
            let error = MySqlError { state: "HY000".to_owned(), message: message.to_owned(), code };
            let error = translate(Cause::MySqlError(error), "mysql://there/schema");
            assert_eq!((error.status(), error.retryable()), (status, retryable), "{}", error.to_json());
            assert!(error.hint_text().is_some_and(|hint| hint.contains(named)), "{}", error.to_json());
        }
    }

    #[test]
    fn whatever_makes_a_transaction_too_large_is_a_limit() {
        for (code, message) in [
            (1105, "Maximum writeset size exceeded"),
            (1180, "wsrep_max_ws_rows exceeded"),
            (1180, "Got error 5 \"Input/output error\" during COMMIT"),
            (1197, "Multi-statement transaction required more than 'max_binlog_cache_size' bytes of storage"),
            (1206, "The total number of locks exceeds the lock table size"),
            (3100, "Error on observer while running replication hook 'before_commit'."),
            (3231, "The size of writeset data for the current transaction exceeds a limit"),
        ] {
            let error = MySqlError { state: "HY000".to_owned(), message: message.to_owned(), code };
            let error = translate(Cause::MySqlError(error), "mysql://there/schema");
            assert_eq!((error.status(), error.vendor_code()), (Status::Limit, Some(i32::from(code))), "{message}");
            assert!(error.message().contains("nothing was changed") && !error.retryable(), "{}", error.to_json());
        }
    }
}
