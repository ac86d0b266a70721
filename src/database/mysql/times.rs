//! How columns of times convert a text. All are read and written at `+00:00`, so no time zone shifts a value, and no hour is missing.

use crate::database::server::stored::Stored;
use crate::values::{Value, format_timestamp, parse_timestamp};

const SECOND: i64 = 1_000_000;
/// The last second that every server's `TIMESTAMP` holds; newer versions of MariaDB hold more.
const LAST_SECOND: i64 = i32::MAX as i64;
/// No `TIME` has more hours than these.
const MOST_HOURS: u32 = 838;

fn becomes(text: impl Into<Vec<u8>>) -> Stored {
    Stored::As(Value::Text(text.into()))
}

/// A `DATETIME`. Digits of the fraction that the column has no room for are cut off: rounding could lead into another second, day or year.
pub fn date_time(fraction: u32, text: &[u8]) -> Stored {
    let Some(micros) = parse_timestamp(text) else { return odd_date_time(fraction, text) };
    let step = 10_i64.pow(6_u32.saturating_sub(fraction));
    // As it is read back: with a T, and a fraction of six digits or none.
    let plain = text.get(10) == Some(&b'T') && (text.len() == 19) == (micros.rem_euclid(SECOND) == 0);
    if plain && matches!(text.len(), 19 | 26) && micros.rem_euclid(step) == 0 {
        return Stored::Same;
    }
    format_timestamp(micros - micros.rem_euclid(step)).map_or(Stored::Refused, becomes)
}

/// A `TIMESTAMP`: also `0000-00-00`, and nothing else that is no moment.
pub fn timestamp(fraction: u32, text: &[u8]) -> Stored {
    match parse_timestamp(text) {
        None if text == b"0000-00-00T00:00:00" => Stored::Same,
        Some(micros) if (SECOND..(LAST_SECOND + 1) * SECOND).contains(&micros) => date_time(fraction, text),
        Some(micros) if micros >= SECOND => Stored::Ask,
        _ => Stored::Refused,
    }
}

/// A `DATE`.
pub fn date(text: &[u8]) -> Stored {
    if is_date(text) { Stored::Same } else { Stored::Refused }
}

/// A `TIME`.
pub fn time(fraction: u32, text: &[u8]) -> Stored {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let hours = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (Some(hour), Some(clock)) = (unsigned.get(..hours).and_then(number), unsigned.get(hours..)) else {
        return Stored::Refused;
    };
    let (Some(minutes), Some(seconds)) = (clock.get(1..3).and_then(number), clock.get(4..6).and_then(number)) else {
        return Stored::Refused;
    };
    let separated = clock.first() == Some(&b':') && clock.get(3) == Some(&b':');
    // As it is written: two digits of hours, or three that are needed.
    let plain = separated && (hours == 2 || hours == 3 && hour >= 100);
    if !plain || hour > MOST_HOURS || minutes > 59 || seconds > 59 {
        return Stored::Refused;
    }
    let Some(micros) = clock.get(6..).and_then(micros) else { return Stored::Refused };
    let nothing = hour == 0 && minutes == 0 && seconds == 0;
    let signed = unsigned.len() < text.len();
    if (signed && nothing && micros == 0) || ((hour, minutes, seconds) == (MOST_HOURS, 59, 59) && micros > 0) {
        return Stored::Refused;
    }
    match cut(fraction, micros) {
        kept if kept == micros => Stored::Same,
        0 if nothing => becomes("00:00:00"),
        0 => becomes(text.get(..text.len() - 7).unwrap_or_default()),
        kept => becomes([text.get(..text.len() - 6).unwrap_or_default(), format!("{kept:06}").as_bytes()].concat()),
    }
}

/// Dates that are no day, such as `0000-00-00` or February 31st, as a server holds them that was once allowed to.
fn odd_date_time(fraction: u32, text: &[u8]) -> Stored {
    let part = |from: usize, to: usize| text.get(from..to).and_then(number);
    let separated = text.get(10) == Some(&b'T') && text.get(13) == Some(&b':') && text.get(16) == Some(&b':');
    let clock = matches!((part(11, 13), part(14, 16), part(17, 19)), (Some(0..=23), Some(0..=59), Some(0..=59)));
    let Some(micros) = text.get(19..).and_then(micros) else { return Stored::Refused };
    if !separated || !clock || !text.get(..10).is_some_and(is_date) {
        return Stored::Refused;
    }
    match cut(fraction, micros) {
        kept if kept == micros => Stored::Same,
        0 => becomes(text.get(..19).unwrap_or_default()),
        kept => becomes([text.get(..20).unwrap_or_default(), format!("{kept:06}").as_bytes()].concat()),
    }
}

/// `YYYY-MM-DD`, be it a day or not.
fn is_date(text: &[u8]) -> bool {
    let part = |from: usize, to: usize| text.get(from..to).and_then(number);
    let separated = text.len() == 10 && text.get(4) == Some(&b'-') && text.get(7) == Some(&b'-');
    separated && matches!((part(0, 4), part(5, 7), part(8, 10)), (Some(_), Some(0..=12), Some(0..=31)))
}

/// The microseconds of `.ffffff`, as they are written: none, or six digits that are not all zero.
fn micros(text: &[u8]) -> Option<u32> {
    match text {
        [] => Some(0),
        [b'.', digits @ ..] if digits.len() == 6 => number(digits).filter(|micros| *micros > 0),
        _ => None,
    }
}

fn cut(fraction: u32, micros: u32) -> u32 {
    micros - micros % 10_u32.pow(6_u32.saturating_sub(fraction))
}

/// The number that is nothing but digits.
fn number(digits: &[u8]) -> Option<u32> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| all)?.parse().ok()
}
