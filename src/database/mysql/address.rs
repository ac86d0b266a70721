//! The URL of a schema on a server.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::database::secret::Secret;
use crate::error::{Domain, Error, Result};

/// The port that servers listen on.
const PORT: u16 = 3306;
/// How long connecting may take unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Less would be a part for every few rows.
const LEAST_FRAGMENT: u32 = 65_536;

/// How a connection is encrypted: the names are those of MySQL's own client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    Disabled,
    /// With TLS if the server has it, whoever it is.
    Preferred,
    /// With TLS, whoever the server is.
    Required,
    /// With TLS and a certificate of a known authority.
    VerifyCa,
    /// And for this host.
    VerifyIdentity,
}

/// Where a schema is, and how to get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MysqlAddress {
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub host: String,
    pub port: u16,
    /// The path of a Unix socket, used instead of host and port.
    pub socket: Option<String>,
    pub schema: String,
    pub ssl_mode: SslMode,
    /// A file with the certificates of the authorities to trust, in PEM.
    pub ssl_ca: Option<PathBuf>,
    pub connect_timeout: Duration,
    /// How long the server may stay silent; `None` for as long as it likes.
    pub read_timeout: Option<Duration>,
    /// A Galera cluster gets a transaction in parts of so many bytes, while it is being written.
    pub fragment_bytes: Option<u32>,
}

impl fmt::Display for MysqlAddress {
    /// Without the password: for messages.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
        match &self.socket {
            Some(socket) => write!(out, "mysql://{user}localhost/{}?socket={socket}", self.schema),
            None => {
                let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
                write!(out, "mysql://{user}{host}:{}/{}", self.port, self.schema)
            }
        }
    }
}

/// An error that repeats nothing of the URL: there can be a password anywhere in one that is not understood.
fn invalid(message: impl Into<String>) -> Error {
    Error::argument(Domain::Database, "url", message)
        .hint("mysql://USER@HOST:PORT/SCHEMA?ssl-mode=…&ssl-ca=…&socket=…; write special characters as %XX")
}

fn decoded(text: &str, what: &str) -> Result<String> {
    percent_decode_str(text)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| invalid(format!("the {what} in the URL is not UTF-8")))
}

fn milliseconds(value: &str, name: &str) -> Result<Duration> {
    match value.parse::<u32>() {
        Ok(milliseconds) => Ok(Duration::from_millis(u64::from(milliseconds))),
        Err(_) => Err(invalid(format!("{name} is not a number of milliseconds"))),
    }
}

fn fragment(value: &str) -> Result<u32> {
    match value.parse::<u32>() {
        Ok(bytes) if bytes >= LEAST_FRAGMENT => Ok(bytes),
        _ => Err(invalid(format!("fragment-bytes is not a number of bytes from {LEAST_FRAGMENT} on"))),
    }
}

impl MysqlAddress {
    /// Reads `mysql://[USER[:PASSWORD]@]HOST[:PORT]/SCHEMA[?NAME=VALUE&…]`.
    pub fn parse(url: &str) -> Result<MysqlAddress> {
        let parsed = url::Url::parse(url).map_err(|error| invalid(format!("the URL is not understood: {error}")))?;
        let schema = decoded(parsed.path().strip_prefix('/').unwrap_or_default(), "schema")?;
        if schema.is_empty() || schema.contains(['/', '\0']) {
            return Err(invalid("the URL names no schema"));
        }
        // A password with a / in it makes a schema of its rest.
        if parsed.path().contains('@') {
            return Err(invalid("the URL contains an @ in the name of the schema, which must be written as %40"));
        }
        if parsed.fragment().is_some() {
            return Err(invalid("the URL contains a #, which must be written as %23"));
        }
        let mut address = MysqlAddress {
            user: Some(decoded(parsed.username(), "user")?).filter(|user| !user.is_empty()),
            password: parsed.password().map(|text| decoded(text, "password")).transpose()?.map(Secret::new),
            host: decoded(parsed.host_str().unwrap_or_default(), "host")?.trim_matches(['[', ']']).to_owned(),
            port: parsed.port().unwrap_or(PORT),
            socket: None,
            schema,
            ssl_mode: SslMode::Preferred,
            ssl_ca: None,
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: None,
            fragment_bytes: None,
        };
        let mut ssl_mode = None;
        for pair in parsed.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name, "parameter")?.replace('_', "-"), decoded(value, "parameter")?);
            match name.as_str() {
                "socket" => address.socket = Some(value),
                "ssl-ca" => address.ssl_ca = Some(PathBuf::from(value)),
                // In other programs' URLs. Text is never converted here: what it asks for holds anyway.
                "charset" if matches!(value.as_str(), "utf8mb4" | "utf8" | "utf8mb3") => {}
                "ssl-mode" => ssl_mode = Some(ssl_mode_of(&value)?),
                "connect-timeout-ms" => address.connect_timeout = milliseconds(&value, "connect-timeout-ms")?,
                "read-timeout-ms" => {
                    address.read_timeout =
                        Some(milliseconds(&value, "read-timeout-ms")?).filter(|time| !time.is_zero());
                }
                "fragment-bytes" => address.fragment_bytes = Some(fragment(&value)?),
                _ => {
                    return Err(invalid("the URL has a parameter that is not known").detail(
                        "known",
                        "ssl-mode, ssl-ca, socket, connect-timeout-ms, read-timeout-ms, fragment-bytes",
                    ));
                }
            }
        }
        if address.connect_timeout.is_zero() {
            return Err(invalid("connect-timeout-ms is 0"));
        }
        if address.host.is_empty() && address.socket.is_none() {
            return Err(invalid("the URL names neither a host nor a socket"));
        }
        address.ssl_mode = match ssl_mode {
            Some(mode) => mode,
            // Who names authorities wants them asked.
            None if address.ssl_ca.is_some() => SslMode::VerifyIdentity,
            None if address.socket.is_some() => SslMode::Disabled,
            None => SslMode::Preferred,
        };
        Ok(address)
    }

    /// Whether connections can be encrypted.
    pub fn may_encrypt(&self) -> bool {
        self.ssl_mode != SslMode::Disabled && self.socket.is_none()
    }
}

fn ssl_mode_of(value: &str) -> Result<SslMode> {
    match value.to_ascii_lowercase().replace('_', "-").as_str() {
        "disabled" => Ok(SslMode::Disabled),
        "preferred" => Ok(SslMode::Preferred),
        "required" => Ok(SslMode::Required),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-identity" => Ok(SslMode::VerifyIdentity),
        _ => Err(invalid("ssl-mode is none of disabled, preferred, required, verify-ca, verify-identity")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MysqlAddress, SslMode};
    use crate::error::Status;

    #[test]
    fn everything_in_a_url_is_read_and_decoded() {
        let url = "mysql://me%40home:p%3Ass%2F%25@db.example:3307/my%20schema?ssl-mode=VERIFY_CA&ssl_ca=/a%2Bb.pem&read-timeout-ms=5";
        let address = MysqlAddress::parse(url).unwrap();
        assert_eq!(address.user.as_deref(), Some("me@home"));
        assert_eq!(address.password.as_ref().unwrap().reveal(), "p:ss/%");
        assert_eq!((address.host.as_str(), address.port), ("db.example", 3307));
        assert_eq!(address.schema, "my schema");
        assert_eq!(address.ssl_mode, SslMode::VerifyCa);
        assert_eq!(address.ssl_ca.as_ref().unwrap().to_str(), Some("/a+b.pem"));
        assert_eq!(address.read_timeout, Some(Duration::from_millis(5)));
        assert_eq!(address.to_string(), "mysql://me@home@db.example:3307/my schema");
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let address = MysqlAddress::parse("mysql://[::1]/s").unwrap();
        assert_eq!((address.host.as_str(), address.port, address.user, address.password), ("::1", 3306, None, None));
        assert_eq!((address.ssl_mode, address.read_timeout), (SslMode::Preferred, None));
        let address = MysqlAddress::parse("mariadb://u@localhost/s?socket=/run/s.sock").unwrap();
        assert_eq!((address.ssl_mode, address.socket.as_deref()), (SslMode::Disabled, Some("/run/s.sock")));
        assert_eq!(address.to_string(), "mysql://u@localhost/s?socket=/run/s.sock");
        assert_eq!(MysqlAddress::parse("mysql://h/s?ssl-ca=/x").unwrap().ssl_mode, SslMode::VerifyIdentity);
    }

    #[test]
    fn what_is_not_understood_is_refused_without_repeating_it() {
        for url in [
            "mysql://u:secret@h",
            "mysql://u:secret@h/",
            "mysql://u:secret@h/a/b",
            "mysql://u:secret@:3306/s",
            "mysql://u:secret@h:99999/s",
            "mysql://u:sec#ret@h/s",
            "mysql://u:%ffsecret@h/s",
            "mysql://u:secret@h/s?secret=1",
            "mysql://u:secret@h/s?ssl-mode=secret",
            "mysql://u:secret@h/s?read-timeout-ms=secret",
            "mysql://u:secret@h/s?connect-timeout-ms=0",
            "mysql://u:secret@h/s?fragment-bytes=secret",
            "mysql://u:secret@h/s?fragment-bytes=1",
        ] {
            let error = MysqlAddress::parse(url).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{url}");
            assert!(!error.to_json().to_string().contains("secret"), "{url}: {}", error.to_json());
        }
        let shown = format!("{:?}", MysqlAddress::parse("mysql://u:secret@h/s").unwrap());
        assert!(!shown.contains("secret"), "{shown}");
    }
}
