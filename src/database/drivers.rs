//! The table of engines by the schemes of their URLs. It is the only place outside the folders of the engines that names them.

use super::capabilities::Capabilities;
#[cfg(feature = "mysql")]
use super::mysql;
#[cfg(feature = "postgres")]
use super::postgres;
use super::sqlite;
use super::store::Address;
use crate::error::Result;

/// What is opened, for hints.
pub const FORMS: &str =
    "mysql://…, mariadb://… or postgresql://… for a server; a path, sqlite:PATH or sqlite:///PATH for a file";

/// What is meant by some schemes.
pub struct Driver {
    /// In lower case.
    pub schemes: &'static [&'static str],
    /// The drivers of SQLAlchemy's that can stand behind a `+`; `None` for any.
    pub variants: Option<&'static [&'static str]>,
    /// Whether the URL names a schema of a server, for which there is a password.
    pub on_a_server: bool,
    pub engine: std::result::Result<Engine, NotOpened>,
}

/// How to get into an engine.
#[derive(Clone, Copy)]
pub struct Engine {
    /// For the document that has them all.
    #[cfg_attr(not(test), expect(dead_code, reason = "an open store says it itself"))]
    pub capabilities: &'static Capabilities,
    /// Reads what stands behind the colon.
    pub address: fn(&str) -> Result<Box<dyn Address>>,
}

/// Why an engine is not opened.
#[derive(Clone, Copy)]
pub struct NotOpened {
    pub message: &'static str,
    pub hint: &'static str,
}

pub static DRIVERS: &[Driver] = &[
    Driver {
        schemes: &["sqlite"],
        variants: Some(&["", "pysqlite"]),
        on_a_server: false,
        engine: Ok(Engine { capabilities: &sqlite::CAPABILITIES, address: sqlite::of_sqlite }),
    },
    Driver {
        schemes: &["file"],
        variants: Some(&[""]),
        on_a_server: false,
        engine: Ok(Engine { capabilities: &sqlite::CAPABILITIES, address: sqlite::of_file }),
    },
    Driver {
        schemes: &["mysql", "mariadb"],
        variants: None,
        on_a_server: true,
        #[cfg(feature = "mysql")]
        engine: Ok(Engine { capabilities: &mysql::CAPABILITIES, address: mysql::address }),
        #[cfg(not(feature = "mysql"))]
        engine: Err(NotOpened {
            message: "this build opens SQLite files only",
            hint: "pass the path of a SQLite file, or build with the feature mysql",
        }),
    },
    Driver {
        schemes: &["postgresql", "postgres"],
        variants: None,
        // Nobody is asked for a password that is of no use.
        on_a_server: cfg!(feature = "postgres"),
        #[cfg(feature = "postgres")]
        engine: Ok(Engine { capabilities: &postgres::CAPABILITIES, address: postgres::address }),
        #[cfg(not(feature = "postgres"))]
        engine: Err(NotOpened {
            message: "PostgreSQL is not among the databases that this build opens",
            hint: "build with the feature postgres; or pass what is opened: mysql://… or mariadb://… for a server; a path, \
                   sqlite:PATH or sqlite:///PATH for a file",
        }),
    },
];

/// Reads what is no URL.
pub fn of_path(path: &str) -> Result<Box<dyn Address>> {
    sqlite::of_path(path)
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, DRIVERS};

    /// The lines that the document has for an engine.
    fn answers(of: &Capabilities) -> Vec<(&'static str, String)> {
        let said = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let Capabilities {
            engine,
            whole_files,
            other_writers,
            locks_for_readers,
            ddl_commits,
            indexes_foreign_keys,
            how_to_widen,
        } = of;
        vec![
            ("engine", format!("`{engine}`")),
            ("whole_files", said(*whole_files)),
            ("other_writers", said(*other_writers)),
            ("locks_for_readers", said(*locks_for_readers)),
            ("ddl_commits", said(*ddl_commits)),
            ("indexes_foreign_keys", said(*indexes_foreign_keys)),
            ("how_to_widen", how_to_widen.unwrap_or("no").to_owned()),
        ]
    }

    #[test]
    fn the_document_says_of_each_engine_what_it_can() {
        let document = include_str!("../../docs/servers.md");
        let (_, section) = document.split_once("\n## What each engine can do\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<Vec<&str>> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
            .collect();
        let engines = DRIVERS.iter().filter_map(|driver| driver.engine.as_ref().ok()).map(|engine| engine.capabilities);
        let mut found = 0;
        for engine in engines {
            let name = format!("`{}`", engine.engine);
            let column =
                rows[0].iter().position(|cell| *cell == name).unwrap_or_else(|| panic!("no column for {name}"));
            let written = rows.iter().map(|row| (row[0].split('`').nth(1).unwrap(), row[column].to_owned()));
            assert_eq!(written.collect::<Vec<_>>(), answers(engine), "{name}");
            found += 1;
        }
        assert!(found > 1);
    }
}
