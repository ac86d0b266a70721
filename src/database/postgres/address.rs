//! The URL of a schema in a database of a server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::database::secret::Secret;
use crate::error::{Domain, Error, Result};

/// The port that servers listen on.
const PORT: u16 = 5432;
/// The schema that every database has.
const SCHEMA: &str = "public";
/// How long connecting may take unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The file of a Unix socket, in the folder that the URL names.
const SOCKET_FILE: &str = ".s.PGSQL";

/// How a connection is encrypted: the names and what they mean are those of libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    /// Without TLS, and with it if the server insists.
    Allow,
    /// With TLS if the server has it, whoever it is.
    Prefer,
    /// With TLS, whoever the server is.
    Require,
    /// With TLS and a certificate of a known authority.
    VerifyCa,
    /// And for this host.
    VerifyFull,
}

/// Whether the proof of the password is tied to the encrypted connection, as libpq's `channel_binding` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Disable,
    /// If the server can.
    Prefer,
    Require,
}

/// Where a schema is, and how to get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresAddress {
    pub user: String,
    pub password: Option<Secret>,
    pub host: String,
    pub port: u16,
    /// The folder of a Unix socket, used instead of the host.
    pub socket: Option<PathBuf>,
    pub database: String,
    pub schema: String,
    pub ssl_mode: SslMode,
    /// A file with the certificates of the authorities to trust, in PEM.
    pub ssl_root_cert: Option<PathBuf>,
    pub channel_binding: Wish,
    pub connect_timeout: Duration,
    /// How long the server may stay silent; `None` for as long as it likes.
    pub read_timeout: Option<Duration>,
    /// A pooler between here and the server may be one that gives each connection a session of its own.
    pub pooled: bool,
}

impl fmt::Display for PostgresAddress {
    /// Without the password: for messages.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, database) = (&self.user, &self.database);
        match &self.socket {
            Some(folder) => {
                write!(out, "postgresql://{user}@/{database}?host={}&port={}", folder.display(), self.port)?;
                write!(out, "&schema={}", self.schema)
            }
            None => {
                let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
                write!(out, "postgresql://{user}@{host}:{}/{database}?schema={}", self.port, self.schema)
            }
        }
    }
}

/// An error that repeats nothing of the URL: there can be a password anywhere in one that is not understood.
fn invalid(message: impl Into<String>) -> Error {
    Error::argument(Domain::Database, "url", message).hint(
        "postgresql://USER@HOST:PORT/DATABASE?schema=…&sslmode=…&sslrootcert=…, for a socket postgresql://USER@/DATABASE?host=/FOLDER; \
         write special characters as %XX",
    )
}

fn decoded(text: &str, what: &str) -> Result<String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| invalid(format!("the {what} in the URL is not UTF-8")))
        .and_then(|text| if text.contains('\0') { Err(invalid(format!("the {what} has a NUL"))) } else { Ok(text) })
}

fn number(value: &str, name: &str) -> Result<u32> {
    value.parse().map_err(|_| invalid(format!("{name} is not a number")))
}

/// The parts before the parameters: `//[USER[:PASSWORD]@][HOST[:PORT]]/DATABASE`.
struct Parts<'u> {
    user: Option<&'u str>,
    password: Option<&'u str>,
    host: &'u str,
    port: Option<&'u str>,
    database: &'u str,
}

fn parts(rest: &str) -> Result<Parts<'_>> {
    let rest = rest.strip_prefix("//").ok_or_else(|| invalid("the URL has no // behind its scheme"))?;
    let (authority, database) = rest.split_once('/').ok_or_else(|| invalid("the URL names no database"))?;
    if database.is_empty() || database.contains('/') {
        return Err(invalid("the URL names no database"));
    }
    // A password with a / in it makes a database of its rest.
    if database.contains('@') {
        return Err(invalid("the URL has an @ in the name of the database, which has to be written as %40"));
    }
    let (account, place) = match authority.rsplit_once('@') {
        Some((account, place)) => (Some(account), place),
        None => (None, authority),
    };
    let (user, password) = match account.map(|account| account.split_once(':').unwrap_or((account, ""))) {
        Some((user, "")) => (Some(user), None),
        Some((user, password)) => (Some(user), Some(password)),
        None => (None, None),
    };
    let (host, port) = match place.strip_prefix('[') {
        Some(inside) => {
            let (host, after) = inside.split_once(']').ok_or_else(|| invalid("the URL has a [ without a ]"))?;
            (host, after.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    Ok(Parts { user, password, host, port: port.filter(|port| !port.is_empty()), database })
}

impl PostgresAddress {
    /// Reads `postgresql://[USER[:PASSWORD]@][HOST[:PORT]]/DATABASE[?NAME=VALUE&…]`.
    pub fn parse(url: &str) -> Result<PostgresAddress> {
        let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
        if rest.contains('#') {
            return Err(invalid("the URL has a # in it, which has to be written as %23"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parts = parts(place)?;
        let mut address = PostgresAddress {
            user: parts.user.map(|user| decoded(user, "user")).transpose()?.unwrap_or_default(),
            password: parts.password.map(|text| decoded(text, "password")).transpose()?.map(Secret::new),
            host: decoded(parts.host, "host")?,
            port: PORT,
            socket: None,
            database: decoded(parts.database, "database")?,
            schema: SCHEMA.to_owned(),
            ssl_mode: SslMode::Prefer,
            ssl_root_cert: None,
            channel_binding: Wish::Prefer,
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: None,
            pooled: false,
        };
        let mut port = parts.port.map(str::to_owned);
        let mut ssl_mode = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name, "parameter")?, decoded(value, "parameter")?);
            match name.as_str() {
                "schema" if !value.is_empty() => address.schema = value,
                "host" => address.host = value,
                "port" => port = Some(value),
                "user" => address.user = value,
                "sslmode" => ssl_mode = Some(ssl_mode_of(&value)?),
                "sslrootcert" if value == "system" => {}
                "sslrootcert" => address.ssl_root_cert = Some(PathBuf::from(value)),
                "channel_binding" => {
                    address.channel_binding = match value.as_str() {
                        "disable" => Wish::Disable,
                        "prefer" => Wish::Prefer,
                        "require" => Wish::Require,
                        _ => return Err(invalid("channel_binding is none of disable, prefer, require")),
                    }
                }
                // Text is never converted here: what it asks for holds anyway. The name is for the server's own lists.
                "client_encoding" if value.eq_ignore_ascii_case("utf8") => {}
                "application_name" | "fallback_application_name" => {}
                "pooler" => {
                    address.pooled = match value.as_str() {
                        "none" => false,
                        "session" => true,
                        _ => return Err(invalid("pooler is none of none, session: a job needs a session of its own")),
                    }
                }
                "connect_timeout" => {
                    let seconds = number(&value, "connect_timeout")?;
                    // As libpq has it: none is for as long as it takes, which nobody has to wait for here.
                    if seconds > 0 {
                        address.connect_timeout = Duration::from_secs(u64::from(seconds));
                    }
                }
                "connect-timeout-ms" | "connect_timeout_ms" => {
                    address.connect_timeout = Duration::from_millis(u64::from(number(&value, "connect-timeout-ms")?));
                }
                "read-timeout-ms" | "read_timeout_ms" => {
                    let limit = Duration::from_millis(u64::from(number(&value, "read-timeout-ms")?));
                    address.read_timeout = Some(limit).filter(|limit| !limit.is_zero());
                }
                _ => {
                    return Err(invalid("the URL has a parameter that is not known, or not one that is done without").detail(
                        "known",
                        "schema, host, port, user, sslmode, sslrootcert, channel_binding, connect_timeout, connect-timeout-ms, read-timeout-ms, pooler",
                    ));
                }
            }
        }
        if let Some(port) = port {
            address.port = port.parse().map_err(|_| invalid("the port in the URL is no port"))?;
        }
        if address.connect_timeout.is_zero() {
            return Err(invalid("connect-timeout-ms is 0"));
        }
        if address.host.contains(',') {
            return Err(invalid("the URL names several hosts, and one is connected to"));
        }
        if address.host.starts_with('/') {
            address.socket = Some(PathBuf::from(std::mem::take(&mut address.host)));
        } else if address.host.is_empty() {
            return Err(invalid("the URL names neither a host nor the folder of a socket"));
        }
        if address.user.is_empty() {
            return Err(invalid("the URL names no user"));
        }
        address.ssl_mode = match ssl_mode {
            // As in libpq: who names authorities for "require" wants them asked.
            Some(SslMode::Require) if address.ssl_root_cert.is_some() => SslMode::VerifyCa,
            Some(mode) => mode,
            None if address.ssl_root_cert.is_some() => SslMode::VerifyFull,
            None => SslMode::Prefer,
        };
        Ok(address)
    }

    /// The path of the Unix socket, if there is one.
    pub fn socket_file(&self) -> Option<PathBuf> {
        self.socket.as_ref().map(|folder| folder.join(format!("{SOCKET_FILE}.{}", self.port)))
    }
}

fn ssl_mode_of(value: &str) -> Result<SslMode> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "allow" => Ok(SslMode::Allow),
        "prefer" => Ok(SslMode::Prefer),
        "require" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-full" => Ok(SslMode::VerifyFull),
        _ => Err(invalid("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PostgresAddress, SslMode};
    use crate::error::Status;

    #[test]
    fn everything_in_a_url_is_read_and_decoded() {
        let url = "postgresql://me%40home:p%3Ass%2F%25@db.example:5433/my%20base?schema=My%20S&sslmode=verify-ca&sslrootcert=/a%2Bb.pem&read-timeout-ms=5";
        let address = PostgresAddress::parse(url).unwrap();
        assert_eq!(address.user, "me@home");
        assert_eq!(address.password.as_ref().unwrap().reveal(), "p:ss/%");
        assert_eq!((address.host.as_str(), address.port), ("db.example", 5433));
        assert_eq!((address.database.as_str(), address.schema.as_str()), ("my base", "My S"));
        assert_eq!(address.ssl_mode, SslMode::VerifyCa);
        assert_eq!(address.ssl_root_cert.as_ref().unwrap().to_str(), Some("/a+b.pem"));
        assert_eq!(address.read_timeout, Some(Duration::from_millis(5)));
        assert_eq!(address.to_string(), "postgresql://me@home@db.example:5433/my base?schema=My S");
    }

    #[test]
    fn what_is_left_out_has_defaults_and_sockets_are_folders() {
        let address = PostgresAddress::parse("postgresql://u@[::1]/d").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.schema.as_str()), ("::1", 5432, "public"));
        assert_eq!((address.ssl_mode, address.read_timeout, address.password), (SslMode::Prefer, None, None));
        for url in ["postgresql://u@/d?host=/run/pg&port=5433", "postgresql://u@%2Frun%2Fpg:5433/d"] {
            let address = PostgresAddress::parse(url).unwrap();
            assert_eq!(address.socket_file().unwrap().to_str(), Some("/run/pg/.s.PGSQL.5433"), "{url}");
        }
        let verified = |url| PostgresAddress::parse(url).unwrap().ssl_mode;
        assert_eq!(verified("postgresql://u@h/d?sslrootcert=/x"), SslMode::VerifyFull);
        assert_eq!(verified("postgresql://u@h/d?sslmode=require&sslrootcert=/x"), SslMode::VerifyCa);
        assert_eq!(verified("postgresql://u@h/d?sslmode=require"), SslMode::Require);
    }

    #[test]
    fn what_is_not_understood_is_refused_without_repeating_it() {
        for url in [
            "postgresql:u:secret@h/d",
            "postgresql://u:secret@h",
            "postgresql://u:secret@h/",
            "postgresql://u:secret@h/a/b",
            "postgresql://u:secret@:5432/d",
            "postgresql://u:secret@h:99999/d",
            "postgresql://u:sec#ret@h/d",
            "postgresql://u:%ffsecret@h/d",
            "postgresql://u:secret%00@h/d",
            "postgresql://u:secret@h,secret/d",
            "postgresql://:secret@h/d",
            "postgresql://u:secret@h/d?secret=1",
            "postgresql://u@h/d?sslkey=secret",
            "postgresql://u:secret@h/d?sslmode=secret",
            "postgresql://u:secret@h/d?read-timeout-ms=secret",
            "postgresql://u:secret@h/d?connect-timeout-ms=0",
        ] {
            let error = PostgresAddress::parse(url).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{url}");
            assert!(!error.to_json().to_string().contains("secret"), "{url}: {}", error.to_json());
        }
        let shown = format!("{:?}", PostgresAddress::parse("postgresql://u:secret@h/d").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
