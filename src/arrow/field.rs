//! The name and the type of a column.

/// The type of a column. The names in comments are Arrow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// null: no row has a value.
    Null,
    /// int64.
    Integer,
    /// float64.
    Real,
    /// utf8.
    Text,
    /// binary.
    Bytes,
    /// timestamp\[us\] without a zone.
    Time,
    /// The same, of milliseconds since 1970.
    Milliseconds,
    /// map<utf8, float64>.
    Labels,
    /// struct: the entries of a map.
    Entries,
}

impl Kind {
    /// The name by which the C data interface knows it.
    pub fn format(self) -> &'static str {
        match self {
            Kind::Null => "n",
            Kind::Integer => "l",
            Kind::Real => "g",
            Kind::Text => "u",
            Kind::Bytes => "z",
            Kind::Time | Kind::Milliseconds => "tsu:",
            Kind::Labels => "+m",
            Kind::Entries => "+s",
        }
    }

    /// The name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Integer => "int64",
            Kind::Real => "float64",
            Kind::Text => "utf8",
            Kind::Bytes => "binary",
            Kind::Time | Kind::Milliseconds => "timestamp[us]",
            Kind::Labels => "map<utf8, float64>",
            Kind::Entries => "struct",
        }
    }
}

/// A column of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
    /// What this column is made of.
    pub children: Vec<Field>,
}

impl Field {
    /// A column whose values can be NULL.
    pub fn new(name: impl Into<String>, kind: Kind) -> Field {
        let children = match kind {
            Kind::Labels => vec![Field {
                name: "entries".to_owned(),
                kind: Kind::Entries,
                nullable: false,
                children: vec![
                    Field { nullable: false, ..Field::new("key", Kind::Text) },
                    Field { nullable: false, ..Field::new("value", Kind::Real) },
                ],
            }],
            _ => Vec::new(),
        };
        Field { name: name.into(), kind, nullable: true, children }
    }
}
