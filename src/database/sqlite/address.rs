//! The ways to write where a SQLite file is, beside its plain path: `sqlite:PATH`, SQLAlchemy's `sqlite:///PATH`, and SQLite's own
//! `file:PATH?mode=ro`.
//!
//! Sources: SQLAlchemy 2.0, "Engine Configuration", for three and four slashes; SQLite, "Uniform Resource Identifiers".

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::error::{Domain, Error, Result, Status};

/// A SQLite file, and whether whoever wrote the URL wants it to be read only.
#[derive(Debug, PartialEq, Eq)]
pub struct SqliteAddress {
    /// Absolute.
    pub path: PathBuf,
    pub read_only: bool,
}

impl SqliteAddress {
    /// The file at a path; a relative one is that of this moment's working directory.
    pub fn of_path(path: impl AsRef<Path>) -> Result<SqliteAddress> {
        let path = path.as_ref();
        if path.as_os_str().is_empty() {
            return Err(invalid("the path of the database is empty").hint("pass the path of a SQLite file"));
        }
        if path == Path::new(":memory:") {
            return Err(in_memory());
        }
        std::path::absolute(path).map(|path| SqliteAddress { path, read_only: false }).map_err(|error| {
            Error::new(Status::Io, Domain::Database, format!("the working directory cannot be read: {error}"))
                .detail("path", path.display())
                .hint("pass an absolute path")
        })
    }

    /// What stands behind `sqlite:`: a path, or, behind two slashes, an empty host, a slash and a path, as SQLAlchemy has it.
    pub fn of_sqlite(rest: &str) -> Result<SqliteAddress> {
        let Some(with_host) = rest.strip_prefix("//") else { return SqliteAddress::of_path(rest) };
        let Some(path) = with_host.strip_prefix('/') else {
            if with_host.is_empty() {
                return Err(in_memory());
            }
            return Err(invalid("the URL has a host before the path, but a SQLite file has no host")
                .hint("sqlite:///PATH for a relative path, sqlite:////PATH for an absolute one"));
        };
        if path.is_empty() {
            return Err(in_memory());
        }
        if path.contains('?') {
            return Err(invalid("the URL has parameters, but a URL that begins with sqlite: cannot have any").hint(
                "leave them out; file:PATH?mode=ro opens the file only for reading, and sqlite:PATH takes any path as it is",
            ));
        }
        SqliteAddress::of_path(path)
    }

    /// What stands behind `file:`.
    pub fn of_file(rest: &str) -> Result<SqliteAddress> {
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        if rest.contains('#') {
            return Err(invalid("the URL contains a #, which must be written as %23"));
        }
        let path = match place.strip_prefix("//") {
            None => place,
            Some(with_host) => {
                let (host, _) = with_host.split_once('/').unwrap_or((with_host, ""));
                if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
                    return Err(invalid("the URL names a host, but a SQLite file must be on this machine")
                        .hint("file:PATH, file:///PATH or file://localhost/PATH"));
                }
                with_host.get(host.len()..).unwrap_or_default()
            }
        };
        let mut read_only = false;
        for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
            match parameter.split_once('=').unwrap_or((parameter, "")) {
                ("mode", "ro") => read_only = true,
                ("mode", "rw") | ("cache", "private") => {}
                ("mode", "rwc") => {
                    return Err(invalid("mode=rwc would create the file, but a URL alone cannot ask for that")
                        .hint("EXPMIG_OPEN_CREATE creates a new database; leave the mode out"));
                }
                ("mode", "memory") => return Err(in_memory()),
                (name, _) => {
                    return Err(invalid("the URL has a parameter that is not supported")
                        .detail("name", name)
                        .detail("known", "mode=ro, mode=rw, cache=private")
                        .hint("leave it out: locks and journals of a database are always respected"));
                }
            }
        }
        let path: Vec<u8> = percent_decode_str(path).collect();
        if path.contains(&0) {
            return Err(invalid("the path in the URL has a NUL in it"));
        }
        let path = String::from_utf8(path).map_err(|_| {
            invalid("the path in the URL is not UTF-8").hint("pass the path itself, not a URL, where the interface can")
        })?;
        SqliteAddress::of_path(path).map(|address| SqliteAddress { read_only, ..address })
    }
}

fn invalid(message: &str) -> Error {
    Error::argument(Domain::Database, "url", message)
}

fn in_memory() -> Error {
    invalid("a database in memory has nothing to migrate").hint("pass the path of a SQLite file")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::SqliteAddress;
    use crate::error::Status;

    fn here(name: &str) -> PathBuf {
        std::env::current_dir().unwrap().join(name)
    }

    #[test]
    fn three_slashes_are_relative_and_four_absolute() {
        assert_eq!(SqliteAddress::of_sqlite("///x.db").unwrap().path, here("x.db"));
        assert_eq!(SqliteAddress::of_sqlite("///a/x.db").unwrap().path, here("a/x.db"));
        assert_eq!(SqliteAddress::of_sqlite("////a/x.db").unwrap().path, PathBuf::from("/a/x.db"));
        for url in ["//", "///", "///:memory:", "//host/x.db", "///x.db?mode=ro"] {
            let error = SqliteAddress::of_sqlite(url).unwrap_err();
            assert_eq!((error.status(), error.hint_text().is_some()), (Status::InvalidArgument, true), "{url}");
        }
    }

    #[test]
    fn the_uris_of_sqlite_are_read_with_their_mode() {
        for url in ["/a/b%20c.db", "///a/b c.db", "//localhost/a/b%20c.db?mode=rw&cache=private"] {
            let address = SqliteAddress::of_file(url).unwrap();
            assert_eq!(address, SqliteAddress { path: PathBuf::from("/a/b c.db"), read_only: false }, "{url}");
        }
        let address = SqliteAddress::of_file("x.db?mode=ro").unwrap();
        assert_eq!(address, SqliteAddress { path: here("x.db"), read_only: true });
        for url in [
            "",
            "x.db?mode=rwc",
            "x.db?mode=memory",
            ":memory:",
            "x.db?immutable=1",
            "x.db?nolock=1",
            "x.db#y",
            "//host/x.db",
            "x%00y",
        ] {
            assert_eq!(SqliteAddress::of_file(url).unwrap_err().status(), Status::InvalidArgument, "{url}");
        }
    }
}
