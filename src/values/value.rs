//! The values that a database cell can hold, on every engine.

/// A borrowed cell. Text is bytes: SQLite stores text that is not UTF-8, and it must come through unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// An owned cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

impl Value {
    /// The same cell, borrowed.
    pub fn borrow(&self) -> ValueRef<'_> {
        match self {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(value) => ValueRef::Text(value),
            Value::Blob(value) => ValueRef::Blob(value),
        }
    }
}

/// A text or a blob of so many bytes is not copied without need, and not kept when it was used.
pub const HUGE: usize = 1 << 20;

impl ValueRef<'_> {
    /// Whether every copy of the cell counts.
    #[inline]
    pub fn is_huge(&self) -> bool {
        matches!(self, ValueRef::Text(bytes) | ValueRef::Blob(bytes) if bytes.len() >= HUGE)
    }

    /// The same cell, owned.
    pub fn to_owned(self) -> Value {
        match self {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(value) => Value::Integer(value),
            ValueRef::Real(value) => Value::Real(value),
            ValueRef::Text(value) => Value::Text(value.to_vec()),
            ValueRef::Blob(value) => Value::Blob(value.to_vec()),
        }
    }

    /// The integer that a number is, whichever way the column's type made the engine store it.
    pub fn as_integer(self) -> Option<i64> {
        const TWO_63: f64 = 9_223_372_036_854_775_808.0;
        match self {
            ValueRef::Integer(value) => Some(value),
            ValueRef::Real(value) if value.trunc() == value && (-TWO_63..TWO_63).contains(&value) => Some(value as i64),
            _ => None,
        }
    }

    /// Text as it is, or as a person would read it when it is not text; `None` for NULL.
    pub fn readable(self) -> Option<String> {
        match self {
            ValueRef::Null => None,
            ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            other => Some(other.describe()),
        }
    }

    /// As [`ValueRef::readable`], but at most so many characters of a text.
    pub fn readable_up_to(self, most: usize) -> Option<String> {
        let ValueRef::Text(bytes) = self else { return self.readable() };
        // No character has more bytes. What follows may be huge.
        let text = String::from_utf8_lossy(bytes.get(..4 * (most + 1)).unwrap_or(bytes));
        let mut shown: String = text.chars().take(most).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Some(shown)
    }

    /// For messages: numbers as they are, text quoted, blobs by size; at most about 80 characters.
    pub fn describe(self) -> String {
        const MOST: usize = 80;
        match self {
            ValueRef::Null => "NULL".to_owned(),
            ValueRef::Integer(value) => value.to_string(),
            ValueRef::Real(value) => format!("{value:?}"),
            ValueRef::Text(_) => {
                let shown = self.readable_up_to(MOST).unwrap_or_default();
                format!("{shown:?}")
            }
            ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
        }
    }
}

/// One line of at most so many characters, for messages: without what ends a line, or turns round the order of the letters after it.
pub fn one_line(text: &str, longest: usize) -> String {
    let unseen =
        |letter: char| letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut line: String = text.chars().take(longest).map(|letter| if unseen(letter) { ' ' } else { letter }).collect();
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}
