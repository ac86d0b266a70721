//! Decimal numbers of servers, which are read exactly.

use crate::values::ValueRef;

/// The shortest digits that read back as the number, without an exponent.
pub fn plain(real: f64) -> String {
    format!("{real}")
}

/// A decimal as it is read: an integer if it can be, else text; a `number`, if that has the same digits, as a real one.
pub fn read_decimal(number: bool, digits: &[u8]) -> ValueRef<'_> {
    let text = std::str::from_utf8(digits).ok();
    if let Some(real) = text.filter(|_| number).and_then(same_number) {
        return ValueRef::Real(real);
    }
    text.and_then(|text| text.parse().ok()).map_or(ValueRef::Text(digits), ValueRef::Integer)
}

/// The real number that has the same digits as a decimal one, if there is one: every digit can be had back from it.
pub fn same_number(text: &str) -> Option<f64> {
    let real: f64 = text.parse().ok().filter(|real: &f64| real.is_finite())?;
    (significant(text) == significant(&format!("{real:e}")))
        .then_some(real)
        .filter(|real| *real != 0.0 || real.is_sign_positive())
}

/// The sign, the digits from the first to the last that is not zero, and the power of ten of the first.
fn significant(text: &str) -> (bool, Vec<u8>, i64) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let point = mantissa.find('.').unwrap_or(mantissa.len()) as i64;
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let first = digits.iter().position(|digit| *digit != b'0');
    let last = digits.iter().rposition(|digit| *digit != b'0');
    let (Some(first), Some(last)) = (first, last) else { return (false, Vec::new(), 0) };
    let kept = digits.get(first..=last).unwrap_or_default().to_vec();
    (negative, kept, exponent.parse::<i64>().unwrap_or(0) + point - first as i64)
}

#[cfg(test)]
mod tests {
    use super::same_number;

    #[test]
    fn a_decimal_is_a_real_number_if_that_has_its_digits() {
        for (text, real) in
            [("1.25", 1.25), ("2.00", 2.0), ("0.10", 0.1), ("-0.001", -0.001), ("0.00", 0.0), ("120", 120.0)]
        {
            assert_eq!(same_number(text), Some(real), "{text}");
        }
        for text in ["123456789012345678.25", "0.12345678901234567891", "1.00000000000000000001", "9007199254740993"] {
            assert_eq!(same_number(text), None, "{text}");
        }
    }
}
