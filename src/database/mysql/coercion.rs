//! How a column converts a value. The library decides this, not the server, whose conversions depend on its version and on settings. So a value
//! that is sent comes back unchanged.

use super::column_type::{Charset, ColumnType};
use super::{numbers, times};
use crate::database::server::plain_json::plain_json;
use crate::database::server::stored::{Stored, keep};
use crate::values::{Value, ValueRef};

/// What becomes of a value in a column of this type.
pub fn store(column: &ColumnType, value: ValueRef<'_>) -> Stored {
    match (column, value) {
        (_, ValueRef::Null) | (ColumnType::Cell, _) => Stored::Same,
        (ColumnType::Integer { least, most }, value) => numbers::integer(*least, *most, value),
        (ColumnType::Bits { most }, value) => numbers::bits(*most, value),
        (ColumnType::Year { short }, value) => numbers::year(*short, value),
        (ColumnType::Double(zero), ValueRef::Real(real)) => numbers::double(*zero, real),
        (ColumnType::Double(_), ValueRef::Integer(integer)) => Stored::As(Value::Real(integer as f64)),
        (ColumnType::Float(zero), ValueRef::Real(real)) => numbers::single(*zero, real),
        (ColumnType::Float(_), ValueRef::Integer(integer)) => Stored::As(Value::Real(f64::from(integer as f32))),
        (ColumnType::Rounded { single, digits, unsigned, zero }, ValueRef::Real(real)) => {
            numbers::rounded(*single, *digits, *unsigned, *zero, real)
        }
        (ColumnType::Rounded { single, digits, unsigned, zero }, ValueRef::Integer(integer)) => {
            let real = integer as f64;
            match numbers::rounded(*single, *digits, *unsigned, *zero, real) {
                Stored::Same => Stored::As(Value::Real(real)),
                other => other,
            }
        }
        (ColumnType::Decimal(decimal), value) => numbers::decimal(decimal, value),
        (ColumnType::DateTime { fraction }, ValueRef::Text(text)) => times::date_time(*fraction, text),
        (ColumnType::Timestamp { fraction }, ValueRef::Text(text)) => times::timestamp(*fraction, text),
        (ColumnType::Date, ValueRef::Text(text)) => times::date(text),
        (ColumnType::Time { fraction }, ValueRef::Text(text)) => times::time(*fraction, text),
        (ColumnType::Text { .. }, value) => as_text(column, value),
        (ColumnType::Choice { members, several }, ValueRef::Text(text)) => keep(chosen(members, *several, text)),
        (ColumnType::Formed(name), ValueRef::Text(text)) => formed(name, text),
        (ColumnType::Binary { most, padded }, ValueRef::Blob(blob)) => binary(*most, *padded, blob, true),
        (ColumnType::Binary { most, padded }, ValueRef::Text(text)) => binary(*most, *padded, text, false),
        (ColumnType::Geometry { code }, ValueRef::Blob(blob)) => keep(is_geometry(*code, blob)),
        (ColumnType::Vector { most }, ValueRef::Blob(blob)) => {
            keep(!blob.is_empty() && blob.len() % 4 == 0 && blob.len() as u64 <= *most)
        }
        (ColumnType::Json, ValueRef::Text(text)) if std::str::from_utf8(text).is_ok() => Stored::Ask,
        _ => Stored::Refused,
    }
}

/// Whether it is a member, or are members in their order.
fn chosen(members: &[Vec<u8>], several: bool, text: &[u8]) -> bool {
    if !several {
        return members.iter().any(|member| member == text);
    }
    let mut rest = members.iter();
    text.is_empty() || text.split(|byte| *byte == b',').all(|chosen| rest.any(|member| member == chosen))
}

/// The commonest of these forms is known here.
fn formed(name: &str, text: &[u8]) -> Stored {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, &u8)| match hyphen(at) {
        true => *byte == b'-',
        false => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    let is_uuid = name == "uuid" && text.len() == 36 && text.iter().enumerate().all(fits);
    match text.is_ascii() {
        _ if is_uuid => Stored::Same,
        true => Stored::Ask,
        false => Stored::Refused,
    }
}

/// Whether it begins as the server's geometry does: four bytes for the reference system, the order of bytes, and the kind.
fn is_geometry(code: u32, blob: &[u8]) -> bool {
    let kind = blob.get(5..9).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    let kind = kind.filter(|_| blob.get(4) == Some(&1));
    kind.is_some_and(|kind| (1..=7).contains(&kind) && (code == 0 || code == kind)) && blob.len() > 9
}

fn as_text(column: &ColumnType, value: ValueRef<'_>) -> Stored {
    let converted = match value {
        ValueRef::Text(text) => return text_in(column, text),
        ValueRef::Integer(number) => number.to_string().into_bytes(),
        ValueRef::Real(real) => format!("{real:?}").into_bytes(),
        ValueRef::Blob(blob) => blob.to_vec(),
        ValueRef::Null => return Stored::Same,
    };
    match text_in(column, &converted) {
        Stored::Same => Stored::As(Value::Text(converted)),
        // The server would be asked of something else.
        Stored::Ask => Stored::Refused,
        other => other,
    }
}

fn text_in(column: &ColumnType, bytes: &[u8]) -> Stored {
    let ColumnType::Text { most_characters, most_bytes, charset, trimmed, json } = column else {
        return Stored::Refused;
    };
    let Ok(text) = std::str::from_utf8(bytes) else { return Stored::Refused };
    let kept = if *trimmed { text.trim_end_matches(' ') } else { text };
    let length = kept.len() as u64;
    let known = match charset {
        Charset::Utf8 => true,
        Charset::Utf8mb3 if kept.bytes().any(|byte| byte >= 0xf0) => return Stored::Refused,
        Charset::Utf8mb3 => true,
        // A character may take up to four bytes.
        Charset::Other(_) => kept.is_ascii() && length.saturating_mul(4) <= *most_bytes,
    };
    let characters = || kept.chars().count() as u64;
    if (known && length > *most_bytes) || (length > *most_characters && characters() > *most_characters) {
        return Stored::Refused;
    }
    if !known || (*json && !plain_json(kept.as_bytes())) {
        return Stored::Ask;
    }
    if kept.len() == text.len() { Stored::Same } else { Stored::As(Value::Text(kept.as_bytes().to_vec())) }
}

fn binary(most: u64, padded: bool, bytes: &[u8], is_blob: bool) -> Stored {
    let length = bytes.len() as u64;
    if length > most {
        return Stored::Refused;
    }
    if padded && length < most {
        let mut filled = bytes.to_vec();
        filled.resize(usize::try_from(most).unwrap_or(bytes.len()), 0);
        return Stored::As(Value::Blob(filled));
    }
    if is_blob { Stored::Same } else { Stored::As(Value::Blob(bytes.to_vec())) }
}

#[cfg(test)]
mod tests {
    use super::{Stored, store};
    use crate::database::mysql::column_type::{Charset, ColumnType, Decimal, Zero};
    use crate::values::{Value, ValueRef};

    fn text(value: &str) -> ValueRef<'_> {
        ValueRef::Text(value.as_bytes())
    }

    fn becomes(value: &str) -> Stored {
        Stored::As(Value::Text(value.as_bytes().to_vec()))
    }

    #[test]
    fn times_keep_their_digits_or_lose_them_at_the_end() {
        let micro = ColumnType::DateTime { fraction: 6 };
        for same in ["2023-12-01T10:00:00.123456", "2023-12-01T10:00:00", "0001-01-01T00:00:00"] {
            assert_eq!(store(&micro, text(same)), Stored::Same, "{same}");
        }
        assert_eq!(store(&micro, text("2023-12-01 10:00:00.5")), becomes("2023-12-01T10:00:00.500000"));
        assert_eq!(store(&micro, text("soon")), Stored::Refused);
        assert_eq!(store(&micro, ValueRef::Integer(1)), Stored::Refused);
        let second = ColumnType::DateTime { fraction: 0 };
        assert_eq!(store(&second, text("2023-12-31T23:59:59.999999")), becomes("2023-12-31T23:59:59"));
        assert_eq!(store(&second, text("1969-12-31T23:59:59.999999")), becomes("1969-12-31T23:59:59"));
        let milli = ColumnType::DateTime { fraction: 3 };
        assert_eq!(store(&milli, text("2023-12-01T10:00:00.123456")), becomes("2023-12-01T10:00:00.123000"));
    }

    #[test]
    fn numbers_are_kept_rounded_or_refused() {
        let int = ColumnType::Integer { least: -2_147_483_648, most: 2_147_483_647 };
        assert_eq!(store(&int, ValueRef::Integer(-2_147_483_648)), Stored::Same);
        assert_eq!(store(&int, ValueRef::Integer(2_147_483_648)), Stored::Refused);
        assert_eq!(store(&int, ValueRef::Real(1.5)), Stored::As(Value::Integer(2)));
        assert_eq!(store(&int, ValueRef::Real(f64::NAN)), Stored::Refused);
        assert_eq!(store(&ColumnType::Double(Zero::Plain), ValueRef::Real(0.1)), Stored::Same);
        assert_eq!(store(&ColumnType::Double(Zero::Plain), ValueRef::Real(f64::NAN)), Stored::Refused);
        let least = Stored::As(Value::Real(f64::MIN));
        assert_eq!(store(&ColumnType::Double(Zero::Plain), ValueRef::Real(f64::NEG_INFINITY)), least);
        assert_eq!(store(&ColumnType::Float(Zero::Plain), ValueRef::Real(0.5)), Stored::Same);
        let rounded = Stored::As(Value::Real(f64::from(0.1_f32)));
        assert_eq!(store(&ColumnType::Float(Zero::Plain), ValueRef::Real(0.1)), rounded);
        let largest = Stored::As(Value::Real(f64::from(f32::MAX)));
        assert_eq!(store(&ColumnType::Float(Zero::Plain), ValueRef::Real(1e39)), largest);
        assert_eq!(store(&ColumnType::Float(Zero::Plain), ValueRef::Real(f64::NAN)), Stored::Refused);
        let decimal = ColumnType::Decimal(Decimal { digits: 3, ..Decimal::default() });
        assert_eq!(store(&decimal, ValueRef::Integer(-999)), Stored::Same);
        assert_eq!(store(&decimal, ValueRef::Integer(1000)), Stored::Refused);
    }

    #[test]
    fn texts_fit_or_do_not() {
        let column =
            |charset, trimmed, json| ColumnType::Text { most_characters: 5, most_bytes: 20, charset, trimmed, json };
        let plain = column(Charset::Utf8, false, false);
        let latin = || Charset::Other("latin1".to_owned());
        assert_eq!(store(&plain, text("äöü😀x")), Stored::Same);
        assert_eq!(store(&plain, text("abcdef")), Stored::Refused);
        assert_eq!(store(&plain, ValueRef::Text(b"\xff")), Stored::Refused);
        assert_eq!(store(&plain, ValueRef::Integer(12)), becomes("12"));
        assert_eq!(store(&plain, ValueRef::Blob(b"ab")), becomes("ab"));
        assert_eq!(store(&column(Charset::Utf8mb3, false, false), text("😀")), Stored::Refused);
        assert_eq!(store(&column(latin(), false, false), text("abc")), Stored::Same);
        assert_eq!(store(&column(latin(), false, false), text("é")), Stored::Ask);
        assert_eq!(store(&column(Charset::Utf8, true, false), text("ab  ")), becomes("ab"));
        let json = column(Charset::Utf8, false, true);
        assert_eq!(store(&json, text("[1]")), Stored::Same);
        assert_eq!(store(&json, text("NaN")), Stored::Ask);
    }
}
