//! Parses the address of a database: which engine a URL is for.

use super::drivers::{DRIVERS, Driver, FORMS, of_path};
use super::store::Address;
use crate::error::{Domain, Error, Result, Status};

/// A URL, taken apart.
struct Split<'u> {
    /// `None` for a scheme of others.
    driver: Option<&'static Driver>,
    /// The driver of SQLAlchemy's behind the scheme's `+`.
    variant: &'u str,
    /// What stands behind the colon.
    rest: &'u str,
}

/// The scheme of a URL; `None` for a path.
fn split(url: &str) -> Option<Split<'_>> {
    let (scheme, rest) = url.split_once(':')?;
    let (name, variant) = scheme.split_once('+').unwrap_or((scheme, ""));
    let is_it = |driver: &&Driver| driver.schemes.iter().any(|scheme| name.eq_ignore_ascii_case(scheme));
    let driver = DRIVERS.iter().find(is_it);
    // With a driver it is a URL, even if pathlib took one of the slashes away.
    let is_url = driver.is_some() || !variant.is_empty() && !scheme.contains('/');
    is_url.then_some(Split { driver, variant, rest })
}

/// Whether it names a schema of a server.
pub fn is_on_a_server(url: &str) -> bool {
    split(url).and_then(|split| split.driver).is_some_and(|driver| driver.on_a_server)
}

/// Reads a path, or a URL of one of the [`DRIVERS`], those of SQLAlchemy left aside. Relative paths are those of this moment's working
/// directory. An error repeats nothing of another program's URL, in which there can be a password anywhere.
pub fn parse(url: &str) -> Result<Box<dyn Address>> {
    let refused = |status, message: &str, hint: &str| {
        Err(Error::new(status, Domain::Database, message).detail("parameter", "url").hint(hint))
    };
    let takes = |driver: &Driver, variant| driver.variants.is_none_or(|known| known.contains(&variant));
    match split(url) {
        Some(Split { driver: Some(driver), variant, rest }) if takes(driver, variant) => match &driver.engine {
            Ok(engine) => (engine.address)(rest),
            Err(not) => refused(Status::Unsupported, not.message, not.hint),
        },
        Some(_) => refused(Status::InvalidArgument, "the URL has a driver that is not known", FORMS),
        None if url.contains("://") => {
            refused(Status::InvalidArgument, "the URL has a scheme that is not known", FORMS)
        }
        None => of_path(url),
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;
    use std::path::PathBuf;

    use super::super::sqlite::SqliteAddress;
    use super::{is_on_a_server, parse};
    use crate::error::Status;

    fn path(url: &str) -> (PathBuf, bool) {
        let address: Box<dyn Any> = parse(url).unwrap();
        let SqliteAddress { path, read_only } = *address.downcast().unwrap();
        (path, read_only)
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
        assert_eq!(parse("").unwrap_err().status(), Status::InvalidArgument);
        assert_eq!(parse("sqlite:").unwrap_err().status(), Status::InvalidArgument);
        assert_eq!(parse(":memory:").unwrap_err().status(), Status::InvalidArgument);
        for (url, status) in [
            ("mysql://me:secret@host", Status::InvalidArgument),
            ("mysql:/me:secret@host/x", Status::InvalidArgument),
            ("mysql+pymysql:/me:secret@host", Status::InvalidArgument),
            ("mysql+pymysql://me:secret@host", Status::InvalidArgument),
            ("postgresql://me:secret@host", Status::InvalidArgument),
            ("postgres+psycopg:me:secret@host/x", Status::InvalidArgument),
            ("sqlite+aiosqlite:///secret", Status::InvalidArgument),
            ("sqlite://me:secret@host/x", Status::InvalidArgument),
            ("oracle+cx:/me:secret@host/x", Status::InvalidArgument),
        ] {
            let error = parse(url).unwrap_err();
            let is_built = match url.get(..5) {
                Some("mysql") => cfg!(feature = "mysql"),
                Some("postg") => cfg!(feature = "postgres"),
                _ => true,
            };
            let expected = if is_built { status } else { Status::Unsupported };
            assert_eq!(error.status(), expected, "{url}: {error}");
            assert!(!error.to_json().to_string().contains("secret"), "{url}: {}", error.to_json());
        }
        assert!(
            is_on_a_server("MySQL://host/x") && is_on_a_server("mysql+pymysql://host/x") && !is_on_a_server("mysql.db")
        );
    }

    #[test]
    fn the_driver_of_a_server_is_left_aside() {
        let read = |url| parse(url).map_or_else(|error| error.to_json().to_string(), |address| format!("{address:?}"));
        assert_eq!(read("postgresql+psycopg2://me@host/x"), read("postgres://me@host/x"));
        assert_eq!(read("mysql+pymysql://me@host/x?charset=utf8mb4"), read("mariadb://me@host/x"));
    }
}
