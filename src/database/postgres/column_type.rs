//! The types of columns, as far as they affect values.

use postgres_protocol::Oid;

use super::cell::types;

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Of so many bytes.
    Integer(u32),
    /// The number of an object: 32 bits without a sign.
    Oid,
    Bool,
    /// 32 bits.
    Float,
    /// 64 bits.
    Double,
    Numeric(Numeric),
    /// Without a zone, or of a moment that is shown at UTC; with as many digits of a second's fraction.
    DateTime {
        fraction: u32,
        zoned: bool,
    },
    Date,
    Text {
        /// The most characters.
        most: Option<u64>,
        /// Filled with blanks.
        padded: bool,
    },
    Bytes,
    /// Kept as it is written.
    Json,
    /// One of these.
    Choice(Vec<Vec<u8>>),
    /// Written as text in the server's own form: this is the type's name as SQL.
    Formed(String),
    /// A `BYTEA` of a table of expmig's own that holds any cell ([`any_cell`](crate::database::server::any_cell)).
    Cell,
}

/// A `NUMERIC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numeric {
    /// All digits, and those after the point; `None` for as many as there are.
    pub digits: Option<(u32, i32)>,
    /// In a column that is for real numbers: what is read is one, if that has the same digits.
    pub number: bool,
}

/// What the catalog says of a column's type.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// The number of the type, of a domain that of the type below.
    pub oid: Oid,
    /// What was given in parentheses, as the server keeps it.
    pub modifier: i32,
    /// The type as SQL.
    pub name: String,
    /// Of an enumeration.
    pub members: Option<Vec<String>>,
}

/// Types of text, by their numbers.
const TEXT: Oid = 25;
const NAME: Oid = 19;
const VARCHAR: Oid = 1043;
const BPCHAR: Oid = 1042;
const JSON: Oid = 114;
const DATE: Oid = 1082;
/// What the server adds to the number of characters, and of digits.
const HEADER: i32 = 4;

impl ColumnType {
    /// The type with this description.
    pub fn of(declared: &Declared) -> ColumnType {
        let given = (declared.modifier >= HEADER).then(|| declared.modifier - HEADER);
        let characters = given.and_then(|characters| u64::try_from(characters).ok());
        let fraction = u32::try_from(declared.modifier).unwrap_or(6).min(6);
        if let Some(members) = &declared.members {
            return ColumnType::Choice(members.iter().map(|member| member.clone().into_bytes()).collect());
        }
        match declared.oid {
            types::INT2 => ColumnType::Integer(2),
            types::INT4 => ColumnType::Integer(4),
            types::INT8 => ColumnType::Integer(8),
            types::OID => ColumnType::Oid,
            types::BOOL => ColumnType::Bool,
            types::FLOAT4 => ColumnType::Float,
            types::FLOAT8 => ColumnType::Double,
            types::NUMERIC => ColumnType::Numeric(Numeric {
                // The scale has eleven bits and a sign.
                digits: given.map(|given| ((given >> 16 & 0xffff) as u32, ((given & 0x7ff) ^ 0x400) - 0x400)),
                number: false,
            }),
            types::TIMESTAMP => ColumnType::DateTime { fraction, zoned: false },
            types::TIMESTAMPTZ => ColumnType::DateTime { fraction, zoned: true },
            DATE => ColumnType::Date,
            TEXT => ColumnType::Text { most: None, padded: false },
            // Bytes, of which a character has up to four: the server knows.
            NAME => ColumnType::Formed(declared.name.clone()),
            VARCHAR => ColumnType::Text { most: characters, padded: false },
            BPCHAR => ColumnType::Text { most: characters, padded: characters.is_some() },
            types::BYTEA => ColumnType::Bytes,
            JSON => ColumnType::Json,
            _ => ColumnType::Formed(declared.name.clone()),
        }
    }

    /// The least and the greatest of the integers that it holds.
    pub fn range(&self) -> Option<(i64, i64)> {
        match self {
            ColumnType::Integer(2) => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
            ColumnType::Integer(4) => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            ColumnType::Integer(_) => Some((i64::MIN, i64::MAX)),
            ColumnType::Oid => Some((0, i64::from(u32::MAX))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnType, Declared, Numeric};

    #[test]
    fn limits_are_read_as_the_server_keeps_them() {
        let of = |oid, modifier| ColumnType::of(&Declared { oid, modifier, name: "t".to_owned(), members: None });
        assert_eq!(of(1043, 54), ColumnType::Text { most: Some(50), padded: false });
        assert_eq!(of(1042, 9), ColumnType::Text { most: Some(5), padded: true });
        assert_eq!(of(25, -1), ColumnType::Text { most: None, padded: false });
        assert_eq!(of(1114, -1), ColumnType::DateTime { fraction: 6, zoned: false });
        assert_eq!(of(1114, 0), ColumnType::DateTime { fraction: 0, zoned: false });
        let digits = |digits| ColumnType::Numeric(Numeric { digits, number: false });
        assert_eq!((of(1700, (20 << 16 | 2) + 4), of(1700, -1)), (digits(Some((20, 2))), digits(None)));
        assert_eq!(of(1700, (5 << 16 | (-2 & 0x7ff)) + 4), digits(Some((5, -2))));
        assert_eq!(of(23, -1).range(), Some((-2_147_483_648, 2_147_483_647)));
        assert_eq!(of(3802, -1), ColumnType::Formed("t".to_owned()));
    }
}
