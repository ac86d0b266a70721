//! How a column converts a value. The library decides this, not the server, wherever it can: what is sent is what comes back.

use super::column_type::{ColumnType, Numeric};
use crate::database::server::decimals::{plain, read_decimal};
use crate::database::server::plain_json::plain_json;
use crate::database::server::stored::{Stored, keep};
use crate::values::{Value, ValueRef, format_timestamp, parse_timestamp};

/// What becomes of a value in a column of this type.
pub fn store(column: &ColumnType, value: ValueRef<'_>) -> Stored {
    match (column, value) {
        (_, ValueRef::Null) | (ColumnType::Cell, _) => Stored::Same,
        (ColumnType::Integer(_) | ColumnType::Oid, value) => integer(column, value),
        (ColumnType::Bool, ValueRef::Integer(number)) => keep(matches!(number, 0 | 1)),
        (ColumnType::Double, ValueRef::Real(_)) => Stored::Same,
        (ColumnType::Double, ValueRef::Integer(number)) => Stored::As(Value::Real(number as f64)),
        (ColumnType::Float, ValueRef::Real(real)) => single(real),
        (ColumnType::Float, ValueRef::Integer(number)) => match single(number as f64) {
            Stored::Same => Stored::As(Value::Real(number as f64)),
            other => other,
        },
        (ColumnType::Numeric(numeric), value) => decimal(numeric, value),
        (ColumnType::DateTime { fraction, .. }, ValueRef::Text(text)) => date_time(*fraction, text),
        (ColumnType::Date, ValueRef::Text(text)) => date(text),
        (ColumnType::Text { .. }, value) => as_text(column, value),
        (ColumnType::Choice(members), ValueRef::Text(text)) => keep(members.iter().any(|member| member == text)),
        (ColumnType::Bytes, ValueRef::Blob(_)) => Stored::Same,
        (ColumnType::Bytes, ValueRef::Text(text)) => Stored::As(Value::Blob(text.to_vec())),
        (ColumnType::Json, ValueRef::Text(text)) if is_text(text) => {
            if plain_json(text) {
                Stored::Same
            } else {
                Stored::Ask
            }
        }
        (ColumnType::Formed(_), ValueRef::Text(text)) if is_text(text) => Stored::Ask,
        _ => Stored::Refused,
    }
}

/// No text of the server's has a NUL, or is anything but UTF-8.
fn is_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none() && std::str::from_utf8(bytes).is_ok()
}

fn integer(column: &ColumnType, value: ValueRef<'_>) -> Stored {
    let fits = |number: i64| column.range().is_some_and(|(least, most)| (least..=most).contains(&number));
    match value {
        ValueRef::Integer(number) => keep(fits(number)),
        ValueRef::Real(real) => match ValueRef::Real(real.round()).as_integer() {
            Some(number) if fits(number) => Stored::As(Value::Integer(number)),
            _ => Stored::Refused,
        },
        _ => Stored::Refused,
    }
}

/// A number of 32 bits. One that is too large is refused, and so is one that would become 0.
fn single(real: f64) -> Stored {
    let stored = f64::from(real as f32);
    if real.is_finite() && (stored.is_infinite() || stored == 0.0 && real != 0.0) {
        return Stored::Refused;
    }
    if stored.to_bits() == real.to_bits() || real.is_nan() { Stored::Same } else { Stored::As(Value::Real(stored)) }
}

fn decimal(numeric: &Numeric, value: ValueRef<'_>) -> Stored {
    match (value, numeric.digits) {
        (ValueRef::Integer(number), Some((digits, 0))) if !numeric.number => {
            keep(10_u64.checked_pow(digits).is_none_or(|limit| number.unsigned_abs() < limit))
        }
        (ValueRef::Integer(_), None) if !numeric.number => Stored::Same,
        (ValueRef::Integer(number), None) => {
            let text = number.to_string();
            Stored::As(read_decimal(true, text.as_bytes()).to_owned())
        }
        (ValueRef::Real(real), _) if !real.is_finite() => Stored::Refused,
        (ValueRef::Real(real), None) if numeric.number => {
            if real == 0.0 && real.is_sign_negative() {
                Stored::As(Value::Real(0.0))
            } else {
                Stored::Same
            }
        }
        (ValueRef::Real(real), None) => {
            // There is no -0.
            let text = plain(real + 0.0);
            Stored::As(read_decimal(false, text.as_bytes()).to_owned())
        }
        (ValueRef::Text(text), None) if is_plain_decimal(text) => {
            let read = read_decimal(numeric.number, text);
            if read == ValueRef::Text(text) { Stored::Same } else { Stored::As(read.to_owned()) }
        }
        (ValueRef::Integer(_) | ValueRef::Real(_), _) => Stored::Ask,
        (ValueRef::Text(text), _) if is_text(text) => Stored::Ask,
        _ => Stored::Refused,
    }
}

/// Digits in the one form in which the server shows them.
fn is_plain_decimal(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let point = unsigned.iter().position(|byte| *byte == b'.').unwrap_or(unsigned.len());
    let (whole, after) = unsigned.split_at(point);
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let after = after.get(1..);
    let leading = whole == b"0" || whole.first().is_some_and(|first| *first != b'0');
    let nothing = unsigned.iter().all(|byte| matches!(byte, b'0' | b'.'));
    leading && digits(whole) && after.is_none_or(digits) && !(nothing && unsigned.len() < text.len())
}

/// A `TIMESTAMP`. Digits of the fraction that the column has no room for are cut off: rounding could lead into another second, day or year.
fn date_time(fraction: u32, text: &[u8]) -> Stored {
    const SECOND: i64 = 1_000_000;
    let Some(micros) = parse_timestamp(text) else {
        // As the server shows what the years from 1 to 9999 do not have.
        let odd = matches!(text, b"infinity" | b"-infinity");
        let may_be = text.ends_with(b" BC") || text.iter().take_while(|byte| byte.is_ascii_digit()).count() > 4;
        return if odd {
            Stored::Same
        } else if may_be && text.is_ascii() && is_text(text) {
            Stored::Ask
        } else {
            Stored::Refused
        };
    };
    let step = 10_i64.pow(6_u32.saturating_sub(fraction));
    let plain = text.get(10) == Some(&b'T') && (text.len() == 19) == (micros.rem_euclid(SECOND) == 0);
    if plain && matches!(text.len(), 19 | 26) && micros.rem_euclid(step) == 0 {
        return Stored::Same;
    }
    let kept = format_timestamp(micros - micros.rem_euclid(step));
    kept.map_or(Stored::Refused, |kept| Stored::As(Value::Text(kept.into_bytes())))
}

fn date(text: &[u8]) -> Stored {
    let day = [text, b"T00:00:00"].concat();
    match parse_timestamp(&day) {
        Some(_) => Stored::Same,
        None if matches!(text, b"infinity" | b"-infinity") => Stored::Same,
        None if is_text(text) && text.first().is_some_and(u8::is_ascii_digit) => Stored::Ask,
        None => Stored::Refused,
    }
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
        other => other,
    }
}

fn text_in(column: &ColumnType, bytes: &[u8]) -> Stored {
    let ColumnType::Text { most, padded } = column else { return Stored::Refused };
    if !is_text(bytes) {
        return Stored::Refused;
    }
    let Some(most) = *most else { return Stored::Same };
    let short = bytes.len() as u64 <= most && !padded;
    if short {
        return Stored::Same;
    }
    let characters = std::str::from_utf8(bytes).map_or(u64::MAX, |text| text.chars().count() as u64);
    match most.checked_sub(characters) {
        None => Stored::Refused,
        Some(0) => Stored::Same,
        Some(_) if !padded => Stored::Same,
        Some(missing) => {
            let blanks = std::iter::repeat_n(b' ', usize::try_from(missing).unwrap_or(0));
            Stored::As(Value::Text(bytes.iter().copied().chain(blanks).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::column_type::{ColumnType, Numeric};
    use super::{Stored, store};
    use crate::values::{Value, ValueRef};

    fn text(value: &str) -> ValueRef<'_> {
        ValueRef::Text(value.as_bytes())
    }

    fn becomes(value: &str) -> Stored {
        Stored::As(Value::Text(value.as_bytes().to_vec()))
    }

    #[test]
    fn times_keep_their_digits_or_lose_them_at_the_end() {
        let micro = ColumnType::DateTime { fraction: 6, zoned: false };
        for same in ["2023-12-01T10:00:00.123456", "2023-12-01T10:00:00", "0001-01-01T00:00:00", "infinity"] {
            assert_eq!(store(&micro, text(same)), Stored::Same, "{same}");
        }
        assert_eq!(store(&micro, text("2023-12-01 10:00:00.5")), becomes("2023-12-01T10:00:00.500000"));
        for refused in ["soon", "", "2023-12-01T10:00:00Z", "2023-12-01T10:00:00.1234567", "2023-02-30T10:00:00"] {
            assert_eq!(store(&micro, text(refused)), Stored::Refused, "{refused}");
        }
        assert_eq!(store(&micro, text("0044-03-15 12:00:00 BC")), Stored::Ask);
        let second = ColumnType::DateTime { fraction: 0, zoned: true };
        assert_eq!(store(&second, text("1969-12-31T23:59:59.999999")), becomes("1969-12-31T23:59:59"));
        assert_eq!(store(&ColumnType::Date, text("2024-02-29")), Stored::Same);
        assert_eq!(store(&ColumnType::Date, text("tomorrow")), Stored::Refused);
    }

    #[test]
    fn numbers_are_kept_rounded_or_refused() {
        let int = ColumnType::Integer(4);
        assert_eq!(store(&int, ValueRef::Integer(-2_147_483_648)), Stored::Same);
        assert_eq!(store(&int, ValueRef::Integer(2_147_483_648)), Stored::Refused);
        assert_eq!(store(&int, ValueRef::Real(1.5)), Stored::As(Value::Integer(2)));
        assert_eq!(store(&int, text("1")), Stored::Refused);
        for real in [0.1, -0.0, f64::NAN, f64::INFINITY, 5e-324] {
            assert_eq!(store(&ColumnType::Double, ValueRef::Real(real)), Stored::Same, "{real}");
        }
        assert_eq!(store(&ColumnType::Float, ValueRef::Real(0.1)), Stored::As(Value::Real(f64::from(0.1_f32))));
        for refused in [1e39, 1e-60] {
            assert_eq!(store(&ColumnType::Float, ValueRef::Real(refused)), Stored::Refused, "{refused}");
        }
        let numeric = |digits, number| ColumnType::Numeric(Numeric { digits, number });
        assert_eq!(store(&numeric(None, false), text("1.50")), Stored::Same);
        assert_eq!(store(&numeric(None, false), text("1")), Stored::As(Value::Integer(1)));
        assert_eq!(store(&numeric(None, false), ValueRef::Real(0.25)), becomes("0.25"));
        assert_eq!(store(&numeric(None, false), ValueRef::Real(-0.25)), becomes("-0.25"));
        assert_eq!(store(&numeric(None, false), ValueRef::Real(2.0)), Stored::As(Value::Integer(2)));
        assert_eq!(store(&numeric(None, true), ValueRef::Real(0.1)), Stored::Same);
        assert_eq!(store(&numeric(None, true), ValueRef::Real(-0.0)), Stored::As(Value::Real(0.0)));
        assert_eq!(store(&numeric(Some((3, 0)), false), ValueRef::Integer(1000)), Stored::Refused);
        assert_eq!(store(&numeric(Some((9, 2)), false), ValueRef::Integer(5)), Stored::Ask);
        assert_eq!(store(&numeric(None, true), ValueRef::Real(f64::NAN)), Stored::Refused);
    }

    #[test]
    fn texts_fit_or_do_not() {
        let most = |most, padded| ColumnType::Text { most: Some(most), padded };
        assert_eq!(store(&most(5, false), text("äöü😀x")), Stored::Same);
        assert_eq!(store(&most(5, false), text("abcdef")), Stored::Refused);
        // The server would cut blanks off in silence.
        assert_eq!(store(&most(5, false), text("abcde ")), Stored::Refused);
        assert_eq!(store(&most(5, true), text("ab")), becomes("ab   "));
        assert_eq!(store(&most(5, true), text("ab   ")), Stored::Same);
        let free = ColumnType::Text { most: None, padded: false };
        assert_eq!(store(&free, ValueRef::Integer(12)), becomes("12"));
        for refused in [b"nul \0 inside".as_slice(), b"\xff"] {
            assert_eq!(store(&free, ValueRef::Text(refused)), Stored::Refused);
            assert_eq!(store(&ColumnType::Json, ValueRef::Text(refused)), Stored::Refused);
        }
        assert_eq!(store(&ColumnType::Json, text("{\"a\": 1.50}")), Stored::Same);
        assert_eq!(store(&ColumnType::Json, text("NaN")), Stored::Ask);
        let chosen = ColumnType::Choice(vec![b"007".to_vec()]);
        assert_eq!((store(&chosen, text("007")), store(&chosen, text("7"))), (Stored::Same, Stored::Refused));
    }
}
