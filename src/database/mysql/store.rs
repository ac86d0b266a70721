//! What a column makes of a value. Decided here, not by the server, whose conversions depend on its version and on settings: what
//! is sent is what comes back.

use super::column_type::{Charset, ColumnType};
use crate::schema::{Value, ValueRef, format_timestamp, json, parse_timestamp};

/// What would be read back.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// The value, bit by bit.
    Same,
    /// Another one, which is what has to be sent.
    As(Value),
    /// Nothing: the column refuses the value.
    Refused,
    /// Only the server knows.
    Ask,
}

/// MariaDB looks no deeper into JSON than this.
const JSON_DEPTH: usize = 31;

impl ColumnType {
    /// Whether a value is certainly stored as it is.
    pub fn certainly_keeps(&self, value: ValueRef<'_>) -> bool {
        store(self, value) == Stored::Same
    }
}

/// What becomes of a value in a column of this type.
pub fn store(column: &ColumnType, value: ValueRef<'_>) -> Stored {
    match (column, value) {
        (_, ValueRef::Null) | (ColumnType::Cell, _) => Stored::Same,
        (ColumnType::Integer { least, most }, value) => integer(*least, *most, value),
        // MariaDB keeps no sign of zero, neither here nor in 32 bits.
        (ColumnType::Double, ValueRef::Real(real)) if real == 0.0 && real.is_sign_negative() => {
            Stored::As(Value::Real(0.0))
        }
        // The largest number is as near to an infinity as it gets.
        (ColumnType::Double, ValueRef::Real(real)) if real.is_infinite() => {
            Stored::As(Value::Real(f64::MAX.copysign(real)))
        }
        (ColumnType::Double, ValueRef::Real(real)) => keep(real.is_finite()),
        (ColumnType::Double, ValueRef::Integer(integer)) => Stored::As(Value::Real(integer as f64)),
        (ColumnType::Float, ValueRef::Real(real)) => single(real),
        (ColumnType::Float, ValueRef::Integer(integer)) => Stored::As(Value::Real(f64::from(integer as f32))),
        (ColumnType::Decimal { digits, scale: 0 }, ValueRef::Integer(integer)) => {
            // 10 to the power of 19 and more has no i64 above it.
            keep(10_u64.checked_pow(*digits).is_none_or(|limit| integer.unsigned_abs() < limit))
        }
        (ColumnType::Decimal { .. }, ValueRef::Integer(_) | ValueRef::Text(_)) => Stored::Ask,
        (ColumnType::Decimal { .. }, ValueRef::Real(real)) if real.is_finite() => Stored::Ask,
        (ColumnType::DateTime { fraction }, ValueRef::Text(text)) => time(*fraction, text),
        (ColumnType::Date, ValueRef::Text(text)) => {
            keep(text.len() == 10 && parse_timestamp(&[text, b"T00:00:00"].concat()).is_some())
        }
        (ColumnType::Text { .. }, value) => as_text(column, value),
        (ColumnType::Binary { most, padded }, ValueRef::Blob(blob)) => binary(*most, *padded, blob, true),
        (ColumnType::Binary { most, padded }, ValueRef::Text(text)) => binary(*most, *padded, text, false),
        (ColumnType::Json, ValueRef::Text(text)) if std::str::from_utf8(text).is_ok() => Stored::Ask,
        _ => Stored::Refused,
    }
}

fn keep(fits: bool) -> Stored {
    if fits { Stored::Same } else { Stored::Refused }
}

fn integer(least: i64, most: u64, value: ValueRef<'_>) -> Stored {
    let fits = |number: i64| number >= least && (number < 0 || number.unsigned_abs() <= most);
    match value {
        ValueRef::Integer(number) => keep(fits(number)),
        ValueRef::Real(real) => match ValueRef::Real(real.round()).as_integer() {
            Some(number) if fits(number) => Stored::As(Value::Integer(number)),
            _ => Stored::Refused,
        },
        _ => Stored::Refused,
    }
}

fn single(real: f64) -> Stored {
    let stored = f64::from((real as f32).clamp(f32::MIN, f32::MAX)) + 0.0;
    if stored.is_nan() {
        Stored::Refused
    } else if stored.to_bits() == real.to_bits() {
        Stored::Same
    } else {
        Stored::As(Value::Real(stored))
    }
}

/// Digits of the fraction that the column has no room for are cut off: rounding could lead into another second, day or year.
fn time(fraction: u32, text: &[u8]) -> Stored {
    let Some(micros) = parse_timestamp(text) else { return Stored::Refused };
    let step = 10_i64.pow(6_u32.saturating_sub(fraction));
    // As it is read back: with a T, and a fraction of six digits or none.
    let plain = text.get(10) == Some(&b'T') && (text.len() == 19) == (micros.rem_euclid(1_000_000) == 0);
    if plain && matches!(text.len(), 19 | 26) && micros.rem_euclid(step) == 0 {
        return Stored::Same;
    }
    let Some(form) = format_timestamp(micros - micros.rem_euclid(step)) else { return Stored::Refused };
    Stored::As(Value::Text(form.into_bytes()))
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
    let held = match charset {
        Charset::Utf8 => true,
        Charset::Utf8mb3 => kept.bytes().all(|byte| byte < 0xf0),
        Charset::Other => true,
    };
    let too_long = text.len() as u64 > *most_bytes && kept.len() as u64 > *most_bytes;
    if !held || too_long || (kept.len() as u64 > *most_characters && kept.chars().count() as u64 > *most_characters) {
        return Stored::Refused;
    }
    if *charset == Charset::Other && !kept.is_ascii() {
        return Stored::Ask;
    }
    if *json && !plain_json(kept.as_bytes()) {
        return Stored::Ask;
    }
    if kept.len() == text.len() { Stored::Same } else { Stored::As(Value::Text(kept.as_bytes().to_vec())) }
}

/// Whether this is JSON that every server takes.
fn plain_json(text: &[u8]) -> bool {
    let deep = text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > JSON_DEPTH;
    !deep && json::canonicalize(text, &mut Vec::new()).is_ok()
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
    use crate::database::mysql::column_type::{Charset, ColumnType};
    use crate::schema::{Value, ValueRef};

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
        assert_eq!(store(&ColumnType::Double, ValueRef::Real(0.1)), Stored::Same);
        assert_eq!(store(&ColumnType::Double, ValueRef::Real(f64::NAN)), Stored::Refused);
        assert_eq!(store(&ColumnType::Double, ValueRef::Real(f64::NEG_INFINITY)), Stored::As(Value::Real(f64::MIN)));
        assert_eq!(store(&ColumnType::Float, ValueRef::Real(0.5)), Stored::Same);
        let rounded = Stored::As(Value::Real(f64::from(0.1_f32)));
        assert_eq!(store(&ColumnType::Float, ValueRef::Real(0.1)), rounded);
        let largest = Stored::As(Value::Real(f64::from(f32::MAX)));
        assert_eq!(store(&ColumnType::Float, ValueRef::Real(1e39)), largest);
        assert_eq!(store(&ColumnType::Float, ValueRef::Real(f64::INFINITY)), largest);
        assert_eq!(store(&ColumnType::Float, ValueRef::Real(f64::NAN)), Stored::Refused);
        let decimal = ColumnType::Decimal { digits: 3, scale: 0 };
        assert_eq!(store(&decimal, ValueRef::Integer(-999)), Stored::Same);
        assert_eq!(store(&decimal, ValueRef::Integer(1000)), Stored::Refused);
    }

    #[test]
    fn texts_fit_or_do_not() {
        let column =
            |charset, trimmed, json| ColumnType::Text { most_characters: 5, most_bytes: 20, charset, trimmed, json };
        let plain = column(Charset::Utf8, false, false);
        assert_eq!(store(&plain, text("äöü😀x")), Stored::Same);
        assert_eq!(store(&plain, text("abcdef")), Stored::Refused);
        assert_eq!(store(&plain, ValueRef::Text(b"\xff")), Stored::Refused);
        assert_eq!(store(&plain, ValueRef::Integer(12)), becomes("12"));
        assert_eq!(store(&plain, ValueRef::Blob(b"ab")), becomes("ab"));
        assert_eq!(store(&column(Charset::Utf8mb3, false, false), text("😀")), Stored::Refused);
        assert_eq!(store(&column(Charset::Other, false, false), text("abc")), Stored::Same);
        assert_eq!(store(&column(Charset::Other, false, false), text("é")), Stored::Ask);
        assert_eq!(store(&column(Charset::Utf8, true, false), text("ab  ")), becomes("ab"));
        let json = column(Charset::Utf8, false, true);
        assert_eq!(store(&json, text("[1]")), Stored::Same);
        assert_eq!(store(&json, text("NaN")), Stored::Ask);
    }
}
