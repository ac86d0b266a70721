//! Where a database is.

#[cfg(feature = "mysql")]
use super::mysql::Address;
use super::sqlite::SqliteAddress;
use crate::error::{Domain, Error, Result, Status};

/// A database's address, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Url {
    Sqlite(SqliteAddress),
    /// A schema of a MySQL or MariaDB server.
    #[cfg(feature = "mysql")]
    Mysql(Box<Address>),
}

/// What is meant by a scheme.
enum Scheme {
    Sqlite,
    File,
    Server,
    /// A kind of server that people use, and that this version does not open.
    Postgresql,
    Unknown,
}

/// A URL of which the scheme is known: the scheme, the driver of SQLAlchemy's behind its `+`, and what stands behind the colon.
struct Split<'u> {
    scheme: Scheme,
    driver: &'u str,
    rest: &'u str,
}

/// The scheme of a URL; `None` for a path.
fn split(url: &str) -> Option<Split<'_>> {
    let (scheme, rest) = url.split_once(':')?;
    let (name, driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    let scheme = match name.to_ascii_lowercase().as_str() {
        "sqlite" => Scheme::Sqlite,
        "file" => Scheme::File,
        "mysql" | "mariadb" => Scheme::Server,
        "postgresql" | "postgres" => Scheme::Postgresql,
        // With a driver it is a URL, even if pathlib took one of the slashes away.
        _ if !driver.is_empty() && !scheme.contains('/') => Scheme::Unknown,
        _ => return None,
    };
    Some(Split { scheme, driver, rest })
}

impl Url {
    /// Whether it names a schema of a server.
    pub fn is_server(url: &str) -> bool {
        matches!(split(url), Some(Split { scheme: Scheme::Server, .. }))
    }

    /// Reads a path, `sqlite:PATH`, `sqlite:///PATH`, `file:PATH?mode=ro` or `mysql://…`, the drivers of SQLAlchemy's URLs left aside.
    /// Relative paths are those of this moment's working directory. An error repeats nothing of another program's URL, in which
    /// there can be a password anywhere.
    pub fn parse(url: &str) -> Result<Url> {
        let refused = |status, message: &str| {
            let error = Error::new(status, Domain::Database, message).detail("parameter", "url");
            Err(error.hint("mysql://… or mariadb://… for a server; a path, sqlite:PATH or sqlite:///PATH for a file"))
        };
        match split(url) {
            Some(Split { scheme: Scheme::Server, rest, .. }) => server(rest),
            Some(Split { scheme: Scheme::Sqlite, driver: "" | "pysqlite", rest }) => {
                SqliteAddress::of_sqlite(rest).map(Url::Sqlite)
            }
            Some(Split { scheme: Scheme::File, driver: "", rest }) => SqliteAddress::of_file(rest).map(Url::Sqlite),
            Some(Split { scheme: Scheme::Postgresql, .. }) => {
                refused(Status::Unsupported, "PostgreSQL is not among the databases that can be opened")
            }
            Some(_) => refused(Status::InvalidArgument, "the URL has a driver that is not known"),
            None if url.contains("://") => refused(Status::InvalidArgument, "the URL has a scheme that is not known"),
            None => SqliteAddress::of_path(url).map(Url::Sqlite),
        }
    }
}

/// Opens what stands behind the scheme.
#[cfg(feature = "mysql")]
fn server(rest: &str) -> Result<Url> {
    Address::parse(&format!("mysql:{rest}")).map(|address| Url::Mysql(Box::new(address)))
}

#[cfg(not(feature = "mysql"))]
fn server(_: &str) -> Result<Url> {
    Err(Error::new(Status::Unsupported, Domain::Database, "this build opens SQLite files only")
        .detail("parameter", "url")
        .hint("pass the path of a SQLite file, or build with the feature mysql"))
}

#[cfg(test)]
mod tests {
    use super::Url;
    use crate::error::Status;
    use std::path::PathBuf;

    fn path(url: &str) -> (PathBuf, bool) {
        match Url::parse(url).unwrap() {
            Url::Sqlite(address) => (address.path, address.read_only),
            #[cfg(feature = "mysql")]
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn paths_are_made_absolute_and_the_prefix_is_optional() {
        for url in ["/a/b.db", "sqlite:/a/b.db", "SQLite:////a/b.db", "sqlite+pysqlite:////a/b.db", "file:/a/b.db"] {
            assert_eq!(path(url), (PathBuf::from("/a/b.db"), false), "{url}");
        }
        assert_eq!(path("/a/file:x"), (PathBuf::from("/a/file:x"), false));
        assert_eq!(path("file:/a/b.db?mode=ro"), (PathBuf::from("/a/b.db"), true));
        for url in ["x.db", "sqlite:x.db", "sqlite:///x.db", "file:x.db", "./mysql:x", "run:7.db"] {
            assert!(path(url).0.is_absolute(), "{url}");
        }
        assert_eq!(path("sqlite:a?b.db").0.file_name().unwrap(), "a?b.db");
    }

    #[test]
    fn refuses_what_is_not_a_file_without_repeating_passwords() {
        assert_eq!(Url::parse("").unwrap_err().status(), Status::InvalidArgument);
        assert_eq!(Url::parse("sqlite:").unwrap_err().status(), Status::InvalidArgument);
        assert_eq!(Url::parse(":memory:").unwrap_err().status(), Status::InvalidArgument);
        for (url, status) in [
            ("mysql://me:secret@host", Status::InvalidArgument),
            ("mysql:/me:secret@host/x", Status::InvalidArgument),
            ("mysql+pymysql:/me:secret@host", Status::InvalidArgument),
            ("mysql+pymysql://me:secret@host", Status::InvalidArgument),
            ("postgresql://me:secret@host/x", Status::Unsupported),
            ("postgres+psycopg:me:secret@host/x", Status::Unsupported),
            ("sqlite+aiosqlite:///secret", Status::InvalidArgument),
            ("sqlite://me:secret@host/x", Status::InvalidArgument),
            ("oracle+cx:/me:secret@host/x", Status::InvalidArgument),
        ] {
            let error = Url::parse(url).unwrap_err();
            let expected = if cfg!(feature = "mysql") || !Url::is_server(url) { status } else { Status::Unsupported };
            assert_eq!(error.status(), expected, "{url}: {error}");
            assert!(!error.to_json().to_string().contains("secret"), "{url}: {}", error.to_json());
        }
        assert!(
            Url::is_server("MySQL://host/x") && Url::is_server("mysql+pymysql://host/x") && !Url::is_server("mysql.db")
        );
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn the_driver_of_a_server_is_left_aside() {
        let url = Url::parse("mysql+pymysql://me@host/x?charset=utf8mb4").unwrap();
        assert_eq!(url, Url::parse("mariadb://me@host/x").unwrap());
    }
}
