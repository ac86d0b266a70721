//! Where a database is.

use std::path::{Path, PathBuf};

#[cfg(feature = "mysql")]
use super::mysql::Address;
use crate::error::{Domain, Error, Result, Status};

/// A database's address, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Url {
    /// A SQLite file, by absolute path.
    Sqlite(PathBuf),
    /// A schema of a MySQL or MariaDB server.
    #[cfg(feature = "mysql")]
    Mysql(Box<Address>),
}

impl Url {
    /// Whether it names a schema of a server.
    pub fn is_server(url: &str) -> bool {
        let begins = |scheme: &str| url.get(..scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme));
        begins("mysql:") || begins("mariadb:")
    }

    /// Reads `PATH`, `sqlite:PATH` or `mysql://…`. Relative paths are those of this moment's working directory.
    pub fn parse(url: &str) -> Result<Url> {
        let invalid = |message: &str| Err(Error::argument(Domain::Database, "url", message));
        if Url::is_server(url) {
            return server(url);
        }
        let path = match url.strip_prefix("sqlite:") {
            Some(path) => path,
            // Some other program's URL, which may hold a password: nothing of it is repeated, as a path would be.
            None if url.contains("://") => {
                return Err(Error::argument(Domain::Database, "url", "the URL has a scheme that is not known")
                    .hint("mysql://… or mariadb://… for a server; a path, or sqlite:PATH, for a file"));
            }
            None => url,
        };
        if path.is_empty() {
            return invalid("the path of the database is empty");
        }
        if path == ":memory:" {
            return invalid("a database in memory has nothing to migrate; pass the path of a file");
        }
        std::path::absolute(Path::new(path)).map(Url::Sqlite).map_err(|error| {
            Error::new(Status::Io, Domain::Database, format!("the working directory cannot be read: {error}"))
                .detail("path", path)
        })
    }
}

#[cfg(feature = "mysql")]
fn server(url: &str) -> Result<Url> {
    Address::parse(url).map(|address| Url::Mysql(Box::new(address)))
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

    #[test]
    fn paths_are_made_absolute_and_the_prefix_is_optional() {
        assert_eq!(Url::parse("sqlite:/a/b.db").unwrap(), Url::Sqlite(PathBuf::from("/a/b.db")));
        assert_eq!(Url::parse("/a/file:x").unwrap(), Url::Sqlite(PathBuf::from("/a/file:x")));
        assert!(matches!(Url::parse("x.db").unwrap(), Url::Sqlite(path) if path.is_absolute()));
    }

    #[test]
    fn refuses_what_is_not_a_file_without_repeating_passwords() {
        assert_eq!(Url::parse("").unwrap_err().status(), Status::InvalidArgument);
        assert_eq!(Url::parse("sqlite:").unwrap_err().status(), Status::InvalidArgument);
        assert_eq!(Url::parse(":memory:").unwrap_err().status(), Status::InvalidArgument);
        for url in ["mysql://me:secret@host", "postgresql://me:secret@host/x", "mysql+pymysql://me:secret@host/x"] {
            let error = Url::parse(url).unwrap_err();
            assert!(error.status() == Status::InvalidArgument && !error.to_json().to_string().contains("secret"));
        }
        assert!(Url::is_server("MySQL://host/x") && !Url::is_server("mysql.db"));
    }
}
