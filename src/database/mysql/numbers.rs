//! How numeric columns convert a value.

use super::column_type::{Decimal, Zero};
use crate::database::server::decimals::{plain, read_decimal};
use crate::database::server::stored::{Stored, keep};
use crate::values::{Value, ValueRef};

/// Integers, and those beyond 63 bits, which are text.
pub fn integer(least: i64, most: u64, value: ValueRef<'_>) -> Stored {
    let fits = |number: i64| number >= least && (number < 0 || number.unsigned_abs() <= most);
    match value {
        ValueRef::Integer(number) => keep(fits(number)),
        ValueRef::Real(real) => match ValueRef::Real(real.round()).as_integer() {
            Some(number) if fits(number) => Stored::As(Value::Integer(number)),
            _ => Stored::Refused,
        },
        ValueRef::Text(digits) => keep(large(digits).is_some_and(|number| number <= most)),
        _ => Stored::Refused,
    }
}

/// The bits of a number.
pub fn bits(most: u64, value: ValueRef<'_>) -> Stored {
    match value {
        ValueRef::Real(_) => Stored::Refused,
        other => integer(0, most, other),
    }
}

/// An integer of more than 63 bits, which is text wherever integers have a sign.
pub fn large(digits: &[u8]) -> Option<u64> {
    let plain = digits.first().is_some_and(|first| (b'1'..=b'9').contains(first));
    let number: u64 = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
    (number > i64::MAX.unsigned_abs()).then_some(number)
}

pub fn year(short: bool, value: ValueRef<'_>) -> Stored {
    let ValueRef::Integer(year) = value else { return Stored::Refused };
    keep(if short { (0..=99).contains(&year) } else { year == 0 || (1901..=2155).contains(&year) })
}

/// A number of 64 bits.
pub fn double(zero: Zero, real: f64) -> Stored {
    if real == 0.0 && real.is_sign_negative() && zero == Zero::Plain {
        return Stored::As(Value::Real(0.0));
    }
    // The largest number is as near to an infinity as it gets.
    if real.is_infinite() {
        return Stored::As(Value::Real(f64::MAX.copysign(real)));
    }
    keep(!real.is_nan())
}

/// A number of 32 bits.
pub fn single(zero: Zero, real: f64) -> Stored {
    let stored = f64::from((real as f32).clamp(f32::MIN, f32::MAX));
    let stored = if zero == Zero::Plain { stored + 0.0 } else { stored };
    if stored.is_nan() { Stored::Refused } else { changed(real, stored) }
}

fn changed(real: f64, stored: f64) -> Stored {
    if stored.to_bits() == real.to_bits() { Stored::Same } else { Stored::As(Value::Real(stored)) }
}

/// A number with so many digits, or without a sign: rounded as the servers do it.
pub fn rounded(is_single: bool, digits: Option<(u32, u32)>, unsigned: bool, zero: Zero, real: f64) -> Stored {
    if !real.is_finite() || (unsigned && real < 0.0) {
        return Stored::Refused;
    }
    let plain = |real: f64| if is_single { f64::from(real as f32) } else { real };
    let round = |real: f64| plain(digits.map_or(real, |(_, after)| to_digits(real, after)));
    let mut stored = round(real);
    if stored == 0.0 && (zero == Zero::Plain || unsigned || digits.is_some()) {
        stored = 0.0;
    }
    let most = |(all, after): (u32, u32)| power(all.saturating_sub(after)) - 1.0 / power(after);
    if !stored.is_finite() || digits.is_some_and(|digits| to_digits(real, digits.1).abs() > most(digits)) {
        return Stored::Refused;
    }
    // What is sent has to come back.
    if round(stored) == stored { changed(real, stored) } else { Stored::Refused }
}

fn to_digits(real: f64, after: u32) -> f64 {
    let whole = real.floor();
    whole + ((real - whole) * power(after)).round_ties_even() / power(after)
}

/// A power of ten, as near as can be.
fn power(exponent: u32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::INFINITY)
}

/// A `DECIMAL`.
pub fn decimal(column: &Decimal, value: ValueRef<'_>) -> Stored {
    let signed = match value {
        ValueRef::Integer(number) => number < 0,
        ValueRef::Real(real) => real < 0.0,
        ValueRef::Text(text) => text.trim_ascii_start().starts_with(b"-"),
        _ => false,
    };
    match value {
        _ if signed && column.unsigned => Stored::Refused,
        ValueRef::Integer(number) if column.number => match ValueRef::Real(number as f64).as_integer() {
            // It is read as a real number.
            Some(exact) if exact == number => match as_number(column, number as f64) {
                Stored::Same => Stored::As(Value::Real(number as f64)),
                other => other,
            },
            _ => Stored::Ask,
        },
        ValueRef::Integer(number) if column.scale == 0 => {
            // 10 to the power of 19 and more has no i64 above it.
            let fits = 10_u64.checked_pow(column.digits).is_none_or(|limit| number.unsigned_abs() < limit);
            keep(fits)
        }
        ValueRef::Integer(_) => Stored::Ask,
        ValueRef::Real(real) if column.number && real.is_finite() => as_number(column, real),
        ValueRef::Real(real) if real.is_finite() => Stored::Ask,
        // As it is read: what is a number in fewer words is none of these.
        ValueRef::Text(text) if is_canonical(column, text) => Stored::Same,
        ValueRef::Text(_) => Stored::Ask,
        _ => Stored::Refused,
    }
}

/// A real number whose digits the column has room for is read as it is.
fn as_number(column: &Decimal, real: f64) -> Stored {
    let digits = plain(real);
    let (sign, digits) = digits.strip_prefix('-').map_or((false, digits.as_str()), |digits| (true, digits));
    let (whole, after) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0').len();
    if sign && real == 0.0 {
        return Stored::As(Value::Real(0.0));
    }
    if whole > column.digits.saturating_sub(column.scale) as usize {
        return Stored::Refused;
    }
    if after.len() <= column.scale as usize { Stored::Same } else { Stored::Ask }
}

/// The digits of a decimal as a column has them that is filled with zeros.
pub fn filled(column: &Decimal, digits: Vec<u8>) -> Vec<u8> {
    let whole = column.digits.saturating_sub(column.scale) as usize;
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    match column.filled {
        true => [vec![b'0'; whole.saturating_sub(point)], digits].concat(),
        false => digits,
    }
}

/// Whether this is how the column's values are read.
fn is_canonical(column: &Decimal, text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let signed = unsigned.len() < text.len();
    let (scale, most) = (column.scale as usize, column.digits.saturating_sub(column.scale) as usize);
    let point = unsigned.iter().position(|byte| *byte == b'.').unwrap_or(unsigned.len());
    let (whole, after) = unsigned.split_at(point);
    let after = after.get(1..).unwrap_or_default();
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let nothing = whole.iter().chain(after).all(|byte| *byte == b'0');
    let leading = match (whole, column.filled) {
        (b"0", false) => true,
        (whole, false) => whole.first().is_some_and(|first| *first != b'0') && whole.len() <= most,
        (whole, true) => whole.len() == most,
    };
    let shaped = leading && after.len() == scale && (scale == 0) == (point == unsigned.len());
    shaped
        && digits(whole)
        && digits(after)
        && !(signed && nothing)
        && matches!(read_decimal(column.number, text), ValueRef::Text(_))
}

#[cfg(test)]
mod tests {
    use super::{decimal, rounded};
    use crate::database::mysql::column_type::{Decimal, Zero};
    use crate::database::server::stored::Stored;
    use crate::values::{Value, ValueRef};

    #[test]
    fn decimals_are_kept_in_the_form_in_which_they_are_read() {
        let column = Decimal { digits: 20, scale: 2, ..Decimal::default() };
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        for same in ["123456789012345678.25", "1.50", "-0.01", "0.00"] {
            assert_eq!(decimal(&column, text(same)), Stored::Same, "{same}");
        }
        for other in ["1.5", "01.50", "-0.00", "1234567890123456789.00", "1,50", "+1.50", ".50", "", "x"] {
            assert_eq!(decimal(&column, text(other)), Stored::Ask, "{other}");
        }
        let number = Decimal { number: true, ..column };
        assert_eq!(decimal(&number, ValueRef::Real(0.1)), Stored::Same);
        assert_eq!(decimal(&number, ValueRef::Real(0.125)), Stored::Ask);
        assert_eq!(decimal(&number, ValueRef::Real(1e18)), Stored::Refused);
        assert_eq!(decimal(&number, ValueRef::Integer(5)), Stored::As(Value::Real(5.0)));
        assert_eq!(decimal(&number, text("123456789012345678.25")), Stored::Same);
        assert_eq!(decimal(&number, text("1.50")), Stored::Ask);
    }

    #[test]
    fn numbers_with_digits_are_rounded_once() {
        let store = |real| rounded(true, Some((7, 2)), true, Zero::Plain, real);
        assert_eq!(store(f64::from(12345.67_f32)), Stored::Same);
        assert_eq!(store(0.126), Stored::As(Value::Real(f64::from(0.13_f32))));
        assert_eq!(store(-1.0), Stored::Refused);
        assert_eq!(store(100_000.0), Stored::Refused);
        assert_eq!(rounded(false, None, true, Zero::Plain, 0.1), Stored::Same);
    }
}
