//! Decides whether a value keeps its content in a column of another database. No other code decides this.

use super::encode::same_content;
use crate::database::{ColumnLayout, Connection};
use crate::error::Result;
use crate::schema::Kind;
use crate::values::{Value, ValueRef};

/// The result of storing a value in a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Conversion {
    /// It has the same content there.
    Same,
    /// It is stored as this, which is something else.
    Changed(Value),
    /// The column's type refuses it.
    Refused,
}

impl Conversion {
    /// Asks the rules of the column first, and the target's engine where these do not tell. `kind` is what the value is compared as.
    #[inline]
    pub fn of(
        target: &dyn Connection,
        column: &ColumnLayout,
        value: ValueRef<'_>,
        kind: Option<Kind>,
    ) -> Result<Conversion> {
        if column.certainly_keeps(value) {
            Ok(Conversion::Same)
        } else {
            Conversion::asked(target, column, value, kind)
        }
    }

    /// As [`Conversion::of`], where the rules of the column do not count.
    #[cold]
    pub fn asked(
        target: &dyn Connection,
        column: &ColumnLayout,
        value: ValueRef<'_>,
        kind: Option<Kind>,
    ) -> Result<Conversion> {
        Ok(match target.stored_as(column, value)? {
            None => Conversion::Refused,
            Some(stored) if same_content(value, stored.borrow(), kind) => Conversion::Same,
            Some(stored) => Conversion::Changed(stored),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Conversion;
    use crate::database::{Affinity, ColumnLayout, Database, OpenOptions, Storage};
    use crate::schema::Kind;
    use crate::values::{Value, ValueRef};

    #[test]
    fn a_value_stays_is_converted_or_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let database = Database::open(path.to_str().unwrap(), options).unwrap();
        let target = database.reader().unwrap();
        let of = |storage, value, kind| {
            let column = ColumnLayout::new("c".to_owned(), None, String::new(), storage);
            Conversion::of(target, &column, value, kind).unwrap()
        };
        let integer = || Storage::Affinity(Affinity::Integer);
        assert_eq!(of(integer(), ValueRef::Integer(7), None), Conversion::Same);
        assert_eq!(of(integer(), ValueRef::Text(b"007"), None), Conversion::Changed(Value::Integer(7)));
        assert_eq!(of(Storage::Strict(Affinity::Integer), ValueRef::Text(b"x"), None), Conversion::Refused);
        // As a number it is the same; as a cell of no known kind it is not.
        let real = || Storage::Affinity(Affinity::Real);
        assert_eq!(of(real(), ValueRef::Integer(2), Some(Kind::Real)), Conversion::Same);
        assert_eq!(of(real(), ValueRef::Integer(2), None), Conversion::Changed(Value::Real(2.0)));
    }
}
