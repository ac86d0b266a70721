//! Decimal numbers of any size, exactly as they are written. Binary floating point would lose digits.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::values::json::{Lexer, MAX_EXPONENT};

/// The most digits that are computed with. The largest and the smallest binary64 make a sum of some 650.
const MAX_DIGITS: u64 = 1200;

/// `digits` times ten to the power of `exponent`.
#[derive(Clone, Debug)]
pub struct Decimal {
    digits: BigInt,
    exponent: i64,
    /// Whether it is spelled with a point or an exponent: readers tell integers from other numbers by that.
    pub real: bool,
}

/// A sum that is shared out.
pub struct Quotient {
    sum: Decimal,
    count: u64,
}

impl Decimal {
    /// A JSON number; `None` for what is none, or has too many digits.
    pub fn parse(token: &str) -> Option<Decimal> {
        let mut lexer = Lexer::new(token);
        let number = lexer.exact_number().ok()?;
        lexer.end().ok()?;
        let fraction = number.fraction.unwrap_or_default();
        if (number.whole.len() + fraction.len()) as u64 > MAX_DIGITS {
            return None;
        }
        let magnitude = match small(number.whole, fraction) {
            Some(value) => BigInt::from(value),
            None => BigInt::parse_bytes(&[number.whole, fraction].concat(), 10)?,
        };
        Some(Decimal {
            digits: if number.negative { -magnitude } else { magnitude },
            exponent: number.exponent.unwrap_or(0) - fraction.len() as i64,
            real: number.fraction.is_some() || number.exponent.is_some(),
        })
    }

    pub fn integer(value: i64) -> Decimal {
        Decimal { digits: BigInt::from(value), exponent: 0, real: false }
    }

    /// The shortest decimal that reads back as this number; `None` unless it is finite.
    pub fn shortest(value: f64) -> Option<Decimal> {
        Decimal::parse(&format!("{value:e}")).map(|decimal| Decimal { real: true, ..decimal })
    }

    fn is_zero(&self) -> bool {
        self.digits.sign() == Sign::NoSign
    }

    /// `None` where the result has too many digits.
    fn checked(self) -> Option<Decimal> {
        let bounded = size(&self.digits) <= MAX_DIGITS && self.exponent.abs() <= MAX_EXPONENT;
        (bounded || self.is_zero()).then_some(self)
    }

    pub fn times(&self, other: &Decimal) -> Option<Decimal> {
        let exponent = self.exponent.checked_add(other.exponent)?;
        Decimal { digits: &self.digits * &other.digits, exponent, real: self.real || other.real }.checked()
    }

    pub fn plus(&self, other: &Decimal) -> Option<Decimal> {
        let real = self.real || other.real;
        if self.is_zero() {
            return Some(Decimal { real, ..other.clone() });
        }
        if other.is_zero() {
            return Some(Decimal { real, ..self.clone() });
        }
        let exponent = self.exponent.min(other.exponent);
        let digits = self.at(exponent)? + other.at(exponent)?;
        Decimal { digits, exponent, real }.checked()
    }

    /// The digits for a smaller exponent.
    fn at(&self, exponent: i64) -> Option<BigInt> {
        let zeros = u64::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        if zeros == 0 {
            return Some(self.digits.clone());
        }
        (zeros + size(&self.digits) <= MAX_DIGITS + 1).then(|| &self.digits * power_of_ten(zeros))
    }

    /// The same number with so many digits after the point, those of a tie made even.
    pub fn rounded(&self, places: i64) -> Option<Decimal> {
        let excess = u64::try_from(places.checked_neg()?.checked_sub(self.exponent)?).unwrap_or(0);
        if excess == 0 || self.is_zero() {
            return Some(self.clone());
        }
        let exponent = -places;
        if excess > size(&self.digits) + 1 {
            return Some(Decimal { digits: BigInt::ZERO, exponent: 0, real: self.real });
        }
        let unit = power_of_ten(excess);
        let mut digits = &self.digits / &unit;
        let rest: BigInt = &self.digits % &unit;
        let up = match (rest.magnitude() * 2u8).cmp(unit.magnitude()) {
            Ordering::Less => false,
            Ordering::Equal => digits.bit(0),
            Ordering::Greater => true,
        };
        if up {
            digits += if self.digits.sign() == Sign::Minus { -1 } else { 1 };
        }
        Decimal { digits, exponent, real: self.real }.checked()
    }

    pub fn divided(self, count: u64) -> Quotient {
        Quotient { sum: self, count: count.max(1) }
    }

    /// The nearest binary64; infinite beyond the largest.
    pub fn nearest(&self) -> f64 {
        nearest(&self.digits, self.exponent)
    }

    /// The integer, if it is spelled as one and fits.
    pub fn as_integer(&self) -> Option<i64> {
        if self.real {
            return None;
        }
        i64::try_from(self.at(0)?).ok()
    }

    /// Appends it as JSON. Integers are spelled as such; other numbers have a point, with as few digits as are exact, and an
    /// exponent where they would have many zeros.
    pub fn spell(&self, out: &mut String) {
        const SMALLEST: i64 = -7;
        const LARGEST: i64 = 21;
        let all = text(&self.digits);
        let kept = all.trim_end_matches('0');
        let exponent = self.exponent.saturating_add((all.len() - kept.len()) as i64);
        if kept.is_empty() {
            out.push_str(if self.real { "0.0" } else { "0" });
            return;
        }
        if self.digits.sign() == Sign::Minus {
            out.push('-');
        }
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let first = exponent.saturating_add(kept.len() as i64 - 1);
        if !self.real {
            out.push_str(kept);
            out.push_str(&zeros(exponent));
        } else if !(SMALLEST..LARGEST).contains(&first) {
            let (one, rest) = kept.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            out.push_str(&format!("{one}.{rest}e{first}"));
        } else if exponent >= 0 {
            out.push_str(kept);
            out.push_str(&zeros(exponent));
            out.push_str(".0");
        } else if first < 0 {
            out.push_str("0.");
            out.push_str(&zeros(-first - 1));
            out.push_str(kept);
        } else {
            let (whole, fraction) = kept.split_at(usize::try_from(first + 1).unwrap_or(0));
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
    }
}

impl Quotient {
    /// The binary64 that is nearest to the exact quotient.
    pub fn nearest(&self) -> f64 {
        /// More digits than any number half way between two neighbours has.
        const ENOUGH: u64 = 800;
        let (sum, count) = (&self.sum, BigInt::from(self.count));
        let mut extra = 40;
        loop {
            let scaled = sum.digits.magnitude() * power_of_ten(extra).magnitude();
            let (low, rest) = (&scaled / count.magnitude(), &scaled % count.magnitude());
            let exponent = sum.exponent - extra as i64;
            let signed = |magnitude| BigInt::from_biguint(sum.digits.sign(), magnitude);
            if rest == num_bigint::BigUint::ZERO {
                return nearest(&signed(low), exponent);
            }
            let (below, above) = (nearest(&signed(low.clone()), exponent), nearest(&signed(&low + 1u8), exponent));
            if below == above {
                return below;
            }
            if extra > ENOUGH {
                // Nothing that would be rounded otherwise lies between: a digit more stands for all that follow.
                return nearest(&signed(low * 10u8 + 1u8), exponent - 1);
            }
            extra += ENOUGH;
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By value, however it is spelled.
impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let (sign, others) = (self.digits.sign(), other.digits.sign());
        if sign != others || sign == Sign::NoSign {
            return sign.cmp(&others);
        }
        // The place of the first digit decides, unless it is the same.
        let first = |decimal: &Decimal| decimal.exponent + length(&decimal.digits);
        let magnitude = first(self).cmp(&first(other)).then_with(|| {
            let exponent = self.exponent.min(other.exponent);
            let raised = |decimal: &Decimal| {
                decimal.digits.magnitude() * power_of_ten((decimal.exponent - exponent).unsigned_abs()).magnitude()
            };
            raised(self).cmp(&raised(other))
        });
        if sign == Sign::Minus { magnitude.reverse() } else { magnitude }
    }
}

/// Up to eighteen digits.
fn small(whole: &[u8], fraction: &[u8]) -> Option<u64> {
    if whole.len() + fraction.len() > 18 {
        return None;
    }
    Some(whole.iter().chain(fraction).fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

/// How many digits there are, or one more.
fn size(digits: &BigInt) -> u64 {
    digits.bits() * 30103 / 100_000 + 1
}

/// How many digits there are.
fn length(digits: &BigInt) -> i64 {
    match u128::try_from(digits.magnitude()) {
        Ok(small) => i64::from(small.checked_ilog10().unwrap_or(0)) + 1,
        Err(_) => text(digits).len() as i64,
    }
}

/// The digits, without a sign. Those of small numbers are had sooner from the standard library.
fn text(digits: &BigInt) -> String {
    match u64::try_from(digits.magnitude()) {
        Ok(small) => small.to_string(),
        Err(_) => digits.magnitude().to_string(),
    }
}

fn power_of_ten(exponent: u64) -> BigInt {
    BigInt::from(10u8).pow(u32::try_from(exponent).unwrap_or(u32::MAX))
}

fn nearest(digits: &BigInt, exponent: i64) -> f64 {
    // Never fails: it is a number. The standard library rounds it correctly, however long it is.
    format!("{digits}e{exponent}").parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn decimal(token: &str) -> Decimal {
        Decimal::parse(token).unwrap_or_else(|| panic!("{token}"))
    }

    fn spelled(decimal: &Decimal) -> String {
        let mut out = String::new();
        decimal.spell(&mut out);
        out
    }

    #[test]
    fn numbers_are_spelled_with_just_the_digits_they_need() {
        for (token, expected) in [
            ("0", "0"),
            ("-0.0", "0.0"),
            ("100", "100"),
            ("-1200", "-1200"),
            ("1e2", "100.0"),
            ("0.50", "0.5"),
            ("-12.340", "-12.34"),
            ("0.0000001", "0.0000001"),
            ("0.00000001", "1.0e-8"),
            ("123e-10", "1.23e-8"),
            ("1e20", "100000000000000000000.0"),
            ("1e21", "1.0e21"),
            ("1234e30", "1.234e33"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("0.10000000000000000000000000001", "0.10000000000000000000000000001"),
        ] {
            assert_eq!(spelled(&decimal(token)), expected, "{token}");
            assert_eq!(decimal(token), decimal(expected), "{token}");
        }
    }

    #[test]
    fn order_is_by_value() {
        let sorted = ["-1e3", "-999.5", "-1e-9", "0", "1e-300", "0.1", "0.11", "1", "9007199254740993", "1e999999999"];
        for (at, one) in sorted.iter().enumerate() {
            for (other_at, other) in sorted.iter().enumerate() {
                assert_eq!(decimal(one).cmp(&decimal(other)), at.cmp(&other_at), "{one} {other}");
            }
        }
        assert_eq!(decimal("1200"), decimal("1.2e3"));
        assert_eq!(decimal("-0"), decimal("0e9"));
    }

    #[test]
    fn what_needs_too_many_digits_is_refused() {
        assert!(Decimal::parse(&"9".repeat(1201)).is_none());
        assert!(decimal("1e600").plus(&decimal("1e-500")).is_some());
        assert!(decimal("1e1000").plus(&decimal("1e-1000")).is_none());
        assert!(decimal("1e999999999").plus(&decimal("1")).is_none());
        assert!(decimal("1e999999999").times(&decimal("1e999999999")).is_none());
        assert!(decimal(&"9".repeat(1000)).times(&decimal(&"9".repeat(1000))).is_none());
        assert_eq!(decimal("1e999999999").rounded(3), Some(decimal("1e999999999")));
        assert_eq!(decimal("1e-999999999").rounded(3), Some(decimal("0")));
        assert_eq!(decimal("0e999999999").plus(&decimal("1")), Some(decimal("1")));
    }

    #[test]
    fn ties_go_to_the_even_digit() {
        for (token, places, expected) in [
            ("2.5", 0, "2.0"),
            ("3.5", 0, "4.0"),
            ("-2.5", 0, "-2.0"),
            ("-3.5", 0, "-4.0"),
            ("2.50000000000000000000001", 0, "3.0"),
            ("0.05", 1, "0.0"),
            ("0.06", 1, "0.1"),
            ("0.04", 0, "0.0"),
            ("9.995", 2, "10.0"),
            ("15", -1, "20"),
            ("25", -1, "20"),
            ("5", -1, "0"),
            ("51", -2, "100"),
            ("50", -2, "0"),
            ("5e-1", 5, "0.5"),
        ] {
            assert_eq!(spelled(&decimal(token).rounded(places).unwrap()), expected, "{token}");
        }
    }

    #[test]
    fn quotients_are_rounded_once() {
        // Half way between two neighbours, and a little more: what follows far behind decides.
        let tie = "1.00000000000000011102230246251565404236316680908203125";
        assert_eq!(decimal(tie).divided(1).nearest(), 1.0);
        assert_eq!(decimal(&format!("{tie}{}1", "0".repeat(700))).divided(1).nearest(), 1.0000000000000002);
        let threefold = "3.00000000000000033306690738754696212708950042724609375";
        assert_eq!(decimal(threefold).divided(3).nearest(), 1.0);
        assert_eq!(decimal(&format!("{threefold}{}1", "0".repeat(900))).divided(3).nearest(), 1.0000000000000002);
        assert_eq!(decimal("-1").divided(3).nearest(), -1.0 / 3.0);
        assert_eq!(decimal("1e400").divided(1).nearest(), f64::INFINITY);
        assert_eq!(decimal("2e308").divided(2).nearest(), 1e308);
        assert_eq!(decimal("5e-324").divided(3).nearest(), 0.0);
    }

    #[test]
    fn integers_stay_integers_where_they_fit() {
        assert_eq!(decimal("9007199254740993").as_integer(), Some(9_007_199_254_740_993));
        assert_eq!(decimal("9223372036854775808").as_integer(), None);
        assert_eq!(decimal("-9223372036854775808").as_integer(), Some(i64::MIN));
        assert_eq!(decimal("1.0").as_integer(), None, "it is spelled as another number");
        assert_eq!(decimal("250").rounded(-2).unwrap().as_integer(), Some(200));
    }
}
