//! Standard output: documents, and tables for people; and lines on standard error.

use std::fmt::Display;
use std::io::Write;

use expmig::values::one_line;
use serde_json::Value as Json;

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// The longest cell of a table, in characters.
const WIDEST: usize = 60;

impl Session {
    /// Prints a line.
    pub fn line(&self, line: impl Display) -> Outcome<()> {
        written(writeln!(std::io::stdout().lock(), "{line}"))
    }

    /// Prints a document.
    pub fn document(&self, document: &Json) -> Outcome<()> {
        self.line(format_args!("{document:#}"))
    }

    /// Prints a document that is text already.
    pub fn text(&self, document: &str) -> Outcome<()> {
        match serde_json::from_str::<Json>(document) {
            Ok(json) => self.document(&json),
            Err(_) => self.line(document),
        }
    }

    /// Prints rows with aligned columns; those of `right` to the right.
    pub fn table(&self, head: &[&str], right: &[usize], rows: &[Vec<String>]) -> Outcome<()> {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| one_line(cell, WIDEST)).collect()).collect();
        let widths: Vec<usize> = head
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
                cells.chain([width(name)]).max().unwrap_or(0)
            })
            .collect();
        let aligned = |cells: Vec<&str>| {
            let mut line = String::new();
            for (at, (cell, most)) in cells.iter().zip(&widths).enumerate() {
                let space = " ".repeat(most.saturating_sub(width(cell)));
                let (before, after) = if right.contains(&at) { (space.as_str(), "") } else { ("", space.as_str()) };
                line.extend([before, cell, after, "  "]);
            }
            line.trim_end().to_owned()
        };
        self.line(aligned(head.to_vec()))?;
        rows.iter().try_for_each(|row| self.line(aligned(row.iter().map(String::as_str).collect())))
    }
}

/// A line for people, on standard error. Whether anybody reads it changes nothing.
pub fn tell(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// The outcome of writing to standard output.
pub fn written(result: std::io::Result<()>) -> Outcome<()> {
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Io(
            format!("the output cannot be written: {error}"),
            "check where standard output goes, and the free space there".to_owned(),
        ),
    })
}

/// After a change was made, not being able to print the result is no failure of the change.
pub fn after_change(printed: Outcome<()>) -> Outcome<()> {
    match printed {
        Err(Failure::Closed) => Ok(()),
        other => other,
    }
}

/// So many of something: "1 trial", "2 trials".
pub fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}
