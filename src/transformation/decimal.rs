//! Decimal numbers of any size, exactly as they are spelled: binary floating point would lose digits of what people wrote down.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

use crate::schema::json::{Lexer, MAX_EXPONENT};

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

/// Which number an average is.
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
        let all = self.digits.magnitude().to_string();
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
    digits.magnitude().to_string().len() as i64
}

fn power_of_ten(exponent: u64) -> BigInt {
    BigInt::from(10u8).pow(u32::try_from(exponent).unwrap_or(u32::MAX))
}

fn nearest(digits: &BigInt, exponent: i64) -> f64 {
    // Never fails: it is a number. The standard library rounds it correctly, however long it is.
    format!("{digits}e{exponent}").parse().unwrap_or(f64::NAN)
}
