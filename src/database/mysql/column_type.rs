//! The types of columns, as far as it matters what they do to a value.

use crate::database::layout::Affinity;

/// What a text column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// `utf8mb4`: everything.
    Utf8,
    /// `utf8mb3`: characters of at most three bytes.
    Utf8mb3,
    /// Any other: ASCII, and what only the server knows.
    Other,
}

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Integer {
        least: i64,
        most: u64,
    },
    Float,
    Double,
    Decimal {
        digits: u32,
        scale: u32,
    },
    /// With as many digits of a second's fraction.
    DateTime {
        fraction: u32,
    },
    Date,
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
    /// A `BLOB` of a table of expmig's own that holds any cell ([`super::any_cell`]).
    Cell,
    /// Anything else: read, but never written.
    Other,
}

/// What `information_schema.COLUMNS` says of a column.
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
}

impl ColumnType {
    /// Whether SQLite keeps everything that such a column can hold in a column of its own with this affinity.
    pub fn is_kept_by(&self, affinity: Affinity) -> bool {
        matches!(
            (affinity, self),
            (Affinity::Blob, _)
                | (Affinity::Numeric | Affinity::Integer, ColumnType::Integer { .. })
                | (Affinity::Text, ColumnType::Text { .. } | ColumnType::Json | ColumnType::Binary { .. })
                | (Affinity::Text, ColumnType::DateTime { .. } | ColumnType::Date)
        )
    }

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
        match declared.data_type.as_str() {
            "tinyint" => integer(8),
            "smallint" => integer(16),
            "mediumint" => integer(24),
            "int" | "integer" => integer(32),
            "bigint" => integer(64),
            // With a number of digits they round.
            "float" if declared.column_type.eq_ignore_ascii_case("float") => ColumnType::Float,
            "double" if declared.column_type.eq_ignore_ascii_case("double") => ColumnType::Double,
            "decimal" if !unsigned => {
                ColumnType::Decimal { digits: small(declared.precision), scale: small(declared.scale) }
            }
            "datetime" => ColumnType::DateTime { fraction: small(declared.fraction) },
            "date" => ColumnType::Date,
            "char" => text(true),
            "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => text(false),
            "binary" => ColumnType::Binary { most, padded: true },
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => ColumnType::Binary { most, padded: false },
            "json" => ColumnType::Json,
            _ => ColumnType::Other,
        }
    }
}

fn charset(name: Option<&str>) -> Charset {
    match name {
        Some("utf8mb4") => Charset::Utf8,
        Some("utf8" | "utf8mb3") => Charset::Utf8mb3,
        _ => Charset::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Charset, ColumnType, Declared};

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
    fn what_rounds_in_its_own_way_is_not_written() {
        assert_eq!(of("float", "float(7,3)"), ColumnType::Other);
        assert_eq!(of("double", "double unsigned"), ColumnType::Other);
        assert_eq!(of("timestamp", "timestamp(6)"), ColumnType::Other);
        assert_eq!(of("enum", "enum('a','b')"), ColumnType::Other);
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
