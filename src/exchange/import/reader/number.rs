//! The numbers of a document.

use super::{Kind, Reader};
use crate::error::{Result, Status};
use crate::values::json::Lexer;

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Integer(i64),
    Real(f64),
}

impl Reader<'_> {
    /// A number: an integer if it has neither a point nor an exponent.
    pub fn number(&mut self) -> Result<Number> {
        self.expect(Kind::Number)?;
        self.number_here()
    }

    /// As [`Reader::number`], where [`Reader::kind`] has found one.
    pub fn number_here(&mut self) -> Result<Number> {
        let start = self.offset();
        let range = self.input.word(self.most).or_else(|stop| self.stopped(stop))?;
        // Only ASCII is taken into a word.
        let bytes = self.input.bytes(range);
        if let Some(number) = short_integer(bytes) {
            return Ok(Number::Integer(number));
        }
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        // So short a one is certainly within its range.
        if is_short_decimal(bytes)
            && let Ok(number) = text.parse()
        {
            return Ok(Number::Real(number));
        }
        let mut lexer = Lexer::new(text);
        if let Err(error) = lexer.skip_number() {
            let at_end = error.offset == text.len();
            return if at_end && self.input.peek()?.is_none() { self.ended() } else { self.in_token(start, error) };
        }
        if lexer.offset() < text.len() {
            return self.malformed(start + lexer.offset() as u64, "the number ends before this");
        }
        let shown = || crate::values::ValueRef::Text(text.as_bytes()).describe();
        if !text.contains(['.', 'e', 'E']) {
            return match text.parse() {
                Ok(number) => Ok(Number::Integer(number)),
                Err(_) => {
                    let what = format!("the number {} is not an integer of 64 bits", shown());
                    Err(self.error_at(start, Status::Validation, what))
                }
            };
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Number::Real(number)),
            _ => {
                let what = format!("the number {} is beyond the range of real numbers", shown());
                Err(self.error_at(start, Status::Validation, what).hint("infinity is written as \"Infinity\""))
            }
        }
    }
}

/// An integer of so few digits that it is certainly within its range: nearly all are.
fn short_integer(bytes: &[u8]) -> Option<i64> {
    const DIGITS: usize = 18;
    match bytes {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] if bytes.len() <= DIGITS => bytes
            .iter()
            .try_fold(0i64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))),
        _ => None,
    }
}

/// Whether this is a number of few digits with a point and without an exponent: most real numbers are.
fn is_short_decimal(bytes: &[u8]) -> bool {
    const BYTES: usize = 32;
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let whole = digits(number);
    let fits = bytes.len() <= BYTES && (whole == 1 || whole > 1 && number.first() != Some(&b'0'));
    match number.get(whole..) {
        Some([b'.', fraction @ ..]) => fits && !fraction.is_empty() && digits(fraction) == fraction.len(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_short_decimal;
    use crate::values::json::Lexer;

    #[test]
    fn short_decimals_are_numbers_of_json_with_a_point_and_no_exponent() {
        for text in ["0.5", "-0.0", "3.613176738884806", "-12.50", "10.0"] {
            assert!(is_short_decimal(text.as_bytes()), "{text}");
        }
        for text in [
            "", "-", ".", "5", "-5", "5.", ".5", "-.5", "05.5", "00.5", "--1.5", "+1.5", "1.5e3", "1.-5", "1.5.5",
            "1,5", "inf",
        ] {
            assert!(!is_short_decimal(text.as_bytes()), "{text}");
        }
        assert!(!is_short_decimal(format!("0.{}", "1".repeat(400)).as_bytes()));
        // What it takes is what the grammar takes, whole.
        let parts: &[&str] = &["", "0", "7", "00", "10", "-", ".", "5", "e"];
        for text in parts
            .iter()
            .flat_map(move |a| parts.iter().flat_map(move |b| parts.iter().map(move |c| format!("{a}{b}.{c}"))))
        {
            let mut lexer = Lexer::new(&text);
            let is_number = lexer.skip_number().is_ok() && lexer.offset() == text.len();
            assert_eq!(
                is_short_decimal(text.as_bytes()),
                is_number && text.contains('.') && !text.contains('e'),
                "{text}"
            );
        }
    }
}
