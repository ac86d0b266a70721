//! The types of columns, as far as they affect values.

use super::enum_members::members;

/// What a text column can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `utf8mb4`: everything.
    Utf8,
    /// `utf8mb3`: characters of at most three bytes.
    Utf8mb3,
    /// Any other, by its name: ASCII, and what only the server knows.
    Other(String),
}

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Integer {
        least: i64,
        most: u64,
    },
    Float(Zero),
    Double(Zero),
    /// `FLOAT` (`single`) and `DOUBLE` with a number of digits, all of them and those after the point, or without a sign.
    Rounded {
        single: bool,
        digits: Option<(u32, u32)>,
        unsigned: bool,
        zero: Zero,
    },
    Decimal(Decimal),
    /// With as many digits of a second's fraction.
    DateTime {
        fraction: u32,
    },
    /// The same, of a moment after 1970 in UTC.
    Timestamp {
        fraction: u32,
    },
    Date,
    /// Hours, minutes and seconds, of either sign.
    Time {
        fraction: u32,
    },
    /// `short`: `YEAR(2)`.
    Year {
        short: bool,
    },
    /// A number, whose bits they are.
    Bits {
        most: u64,
    },
    /// `ENUM`: one of its members; `SET` (`several`): some of them, in their order, with commas between.
    Choice {
        members: Vec<Vec<u8>>,
        several: bool,
    },
    /// A type of MariaDB's with this name, whose values are written as text in the server's own form.
    Formed(&'static str),
    /// In the server's own bytes; the code of the one kind that is let in, or 0.
    Geometry {
        code: u32,
    },
    /// Numbers of 32 bits, in so many bytes at most.
    Vector {
        most: u64,
    },
    Text {
        most_characters: u64,
        most_bytes: u64,
        charset: Charset,
        /// `CHAR`: without spaces at the end.
        trimmed: bool,
        /// Only JSON is let in: what MariaDB makes of the type `JSON`.
        json: bool,
    },
    /// `padded`: `BINARY`, filled with zeros.
    Binary {
        most: u64,
        padded: bool,
    },
    /// MySQL's own `JSON`, which writes every document anew.
    Json,
    /// A `BLOB` of a table of expmig's own that holds any cell ([`any_cell`](crate::database::server::any_cell)).
    Cell,
    /// Anything else: read, but never written.
    Other,
}

/// What becomes of the sign of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zero {
    /// There is none (MariaDB).
    #[default]
    Plain,
    /// It is kept (MySQL).
    Signed,
}

/// A `DECIMAL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// All of them.
    pub digits: u32,
    /// Those after the point.
    pub scale: u32,
    pub unsigned: bool,
    /// `ZEROFILL`.
    pub filled: bool,
    /// In a column that is for real numbers: what is read is one, if that has the same digits.
    pub number: bool,
}

/// What `information_schema.COLUMNS` says of a column, and what is known of the server.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// `DATA_TYPE`, in lower case.
    pub data_type: String,
    /// `COLUMN_TYPE`.
    pub column_type: String,
    pub characters: Option<u64>,
    pub bytes: Option<u64>,
    pub precision: Option<u64>,
    pub scale: Option<u64>,
    pub fraction: Option<u64>,
    pub charset: Option<String>,
    /// Whether a check constraint lets in nothing but JSON.
    pub json: bool,
    pub zero: Zero,
}

/// The kinds of geometry, by their codes.
const GEOMETRIES: [(&str, u32); 9] = [
    ("geometry", 0),
    ("point", 1),
    ("linestring", 2),
    ("polygon", 3),
    ("multipoint", 4),
    ("multilinestring", 5),
    ("multipolygon", 6),
    ("geometrycollection", 7),
    ("geomcollection", 7),
];
const FORMED: [&str; 3] = ["uuid", "inet4", "inet6"];

impl ColumnType {
    /// The type with this description.
    pub fn of(declared: &Declared) -> ColumnType {
        let attribute = |word: &str| declared.column_type.to_ascii_lowercase().split(' ').any(|part| part == word);
        let unsigned = attribute("unsigned") || attribute("zerofill");
        let integer = |bits: u32| match unsigned {
            true => ColumnType::Integer { least: 0, most: u64::MAX >> (64 - bits) },
            false => {
                ColumnType::Integer { least: i64::MIN >> (64 - bits), most: i64::MAX.unsigned_abs() >> (64 - bits) }
            }
        };
        let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        let most = declared.bytes.unwrap_or(0);
        let text = |trimmed| ColumnType::Text {
            most_characters: declared.characters.unwrap_or(most),
            most_bytes: most,
            charset: charset(declared.charset.as_deref()),
            trimmed,
            json: declared.json,
        };
        let fraction = small(declared.fraction);
        let real = |single| match (digits(&declared.column_type), unsigned) {
            (None, false) if single => ColumnType::Float(declared.zero),
            (None, false) => ColumnType::Double(declared.zero),
            (digits, unsigned) => ColumnType::Rounded { single, digits, unsigned, zero: declared.zero },
        };
        let choice = |several| match members(&declared.column_type) {
            Some(members) if declared.charset.is_some() && declared.charset.as_deref() != Some("binary") => {
                ColumnType::Choice { members, several }
            }
            _ => ColumnType::Other,
        };
        match declared.data_type.as_str() {
            "tinyint" => integer(8),
            "smallint" => integer(16),
            "mediumint" => integer(24),
            "int" | "integer" => integer(32),
            "bigint" => integer(64),
            "float" => real(true),
            "double" => real(false),
            "decimal" => ColumnType::Decimal(Decimal {
                digits: small(declared.precision),
                scale: small(declared.scale),
                unsigned,
                filled: attribute("zerofill"),
                number: false,
            }),
            "datetime" => ColumnType::DateTime { fraction },
            "timestamp" => ColumnType::Timestamp { fraction },
            "date" => ColumnType::Date,
            "time" => ColumnType::Time { fraction },
            "year" => ColumnType::Year { short: declared.column_type == "year(2)" },
            "bit" => match declared.precision.map(|bits| 64 - bits.clamp(1, 64)) {
                Some(free) => ColumnType::Bits { most: u64::MAX >> free },
                None => ColumnType::Other,
            },
            "char" => text(true),
            "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => text(false),
            "enum" => choice(false),
            "set" => choice(true),
            "binary" => ColumnType::Binary { most, padded: true },
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => ColumnType::Binary { most, padded: false },
            "json" => ColumnType::Json,
            "vector" => match arguments(&declared.column_type).and_then(|count| count.parse::<u64>().ok()) {
                Some(count) => ColumnType::Vector { most: count.saturating_mul(4) },
                None => ColumnType::Other,
            },
            other => {
                let formed = FORMED.iter().find(|name| **name == other).map(|name| ColumnType::Formed(name));
                let geometry = || GEOMETRIES.iter().find(|(name, _)| *name == other);
                let geometry = || geometry().map(|(_, code)| ColumnType::Geometry { code: *code });
                formed.or_else(geometry).unwrap_or(ColumnType::Other)
            }
        }
    }
}

/// What stands in the parentheses of a type.
fn arguments(column_type: &str) -> Option<&str> {
    column_type.split_once('(')?.1.split_once(')').map(|(inside, _)| inside)
}

/// The digits of a `FLOAT` or `DOUBLE`, all of them and those after the point.
fn digits(column_type: &str) -> Option<(u32, u32)> {
    let (all, after) = arguments(column_type)?.split_once(',')?;
    Some((all.parse().ok()?, after.parse().ok()?))
}

fn charset(name: Option<&str>) -> Charset {
    match name {
        Some("utf8mb4") => Charset::Utf8,
        Some("utf8" | "utf8mb3") => Charset::Utf8mb3,
        other => Charset::Other(other.unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Charset, ColumnType, Declared, Zero};

    fn of(data_type: &str, column_type: &str) -> ColumnType {
        ColumnType::of(&Declared {
            data_type: data_type.into(),
            column_type: column_type.into(),
            ..Declared::default()
        })
    }

    #[test]
    fn the_ranges_of_integers_follow_from_size_and_sign() {
        assert_eq!(of("tinyint", "tinyint(4)"), ColumnType::Integer { least: -128, most: 127 });
        assert_eq!(of("tinyint", "tinyint(3) unsigned"), ColumnType::Integer { least: 0, most: 255 });
        assert_eq!(of("mediumint", "mediumint(9)"), ColumnType::Integer { least: -8_388_608, most: 8_388_607 });
        assert_eq!(of("int", "int"), ColumnType::Integer { least: -2_147_483_648, most: 2_147_483_647 });
        assert_eq!(of("int", "int(10) unsigned zerofill"), ColumnType::Integer { least: 0, most: 4_294_967_295 });
        let most = i64::MAX.unsigned_abs();
        assert_eq!(of("bigint", "bigint(20)"), ColumnType::Integer { least: i64::MIN, most });
        assert_eq!(of("bigint", "bigint(20) unsigned"), ColumnType::Integer { least: 0, most: u64::MAX });
    }

    #[test]
    fn every_type_is_known_with_its_limits() {
        let zero = Zero::Plain;
        let rounded = |single, digits, unsigned| ColumnType::Rounded { single, digits, unsigned, zero };
        assert_eq!(of("float", "float"), ColumnType::Float(zero));
        assert_eq!(of("float", "float(7,3)"), rounded(true, Some((7, 3)), false));
        assert_eq!(of("double", "double unsigned"), rounded(false, None, true));
        assert_eq!(of("timestamp", "timestamp"), ColumnType::Timestamp { fraction: 0 });
        assert_eq!(of("year", "year(2)"), ColumnType::Year { short: true });
        assert_eq!(of("inet6", "inet6"), ColumnType::Formed("inet6"));
        assert_eq!(of("geomcollection", "geomcollection"), ColumnType::Geometry { code: 7 });
        assert_eq!(of("vector", "vector(3)"), ColumnType::Vector { most: 12 });
        assert_eq!(of("xmltype", "xmltype"), ColumnType::Other);
        let bits = Declared { data_type: "bit".into(), precision: Some(8), ..Declared::default() };
        assert_eq!(ColumnType::of(&bits), ColumnType::Bits { most: 255 });
    }

    #[test]
    fn texts_know_their_limits() {
        let declared = Declared {
            data_type: "varchar".into(),
            column_type: "varchar(50)".into(),
            characters: Some(50),
            bytes: Some(150),
            charset: Some("utf8mb3".into()),
            ..Declared::default()
        };
        let wanted = ColumnType::Text {
            most_characters: 50,
            most_bytes: 150,
            charset: Charset::Utf8mb3,
            trimmed: false,
            json: false,
        };
        assert_eq!(ColumnType::of(&declared), wanted);
    }
}
