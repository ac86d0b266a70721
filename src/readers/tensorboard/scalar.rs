//! Numbers: simple values, and tensors of one number in any type.

use crate::readers::wire::{Fields, Malformed, Wire};

/// What a number was before it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    pub value: f64,
    /// The rule that it came by, where it has fewer digits than a 64-bit number.
    pub narrow: Option<&'static str>,
    /// It is an integer that a 64-bit number does not hold exactly.
    pub rounded: bool,
}

impl Number {
    pub fn of_float(value: f32) -> Number {
        Number { value: f64::from(value), narrow: Some("float32"), rounded: false }
    }
}

/// The number of a tensor that has no dimension; `None` for any other.
pub fn of_tensor(bytes: &[u8]) -> Result<Option<Number>, Malformed> {
    let (mut kind, mut dimensions, mut content) = (0, 0, None);
    let mut values: Option<Wire<'_>> = None;
    let mut count = 0;
    for field in Fields::of(bytes) {
        let (number, wire) = field?;
        match number {
            1 => kind = wire.int().ok_or(Malformed)?,
            2 => {
                for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                    dimensions += u32::from(field?.0 == 2);
                }
            }
            4 => content = Some(wire.bytes().ok_or(Malformed)?),
            // float, double, int, int64, bool, half, uint32, uint64.
            5 | 6 | 7 | 10 | 11 | 13 | 16 | 17 => {
                values = Some(wire);
                count += 1;
            }
            _ => {}
        }
    }
    if dimensions > 0 || count > 1 {
        return Ok(None);
    }
    match (content, values) {
        (Some(content), None) => Ok(of_content(kind, content)),
        (None, Some(wire)) => of_wire(kind, wire),
        _ => Ok(None),
    }
}

/// The number of so many bytes, little endian; `None` where there are more or fewer.
fn of_content(kind: i64, bytes: &[u8]) -> Option<Number> {
    let wide = |value: f64| Number { value, narrow: None, rounded: false };
    Some(match kind {
        1 => Number::of_float(f32::from_le_bytes(bytes.try_into().ok()?)),
        2 => wide(f64::from_le_bytes(bytes.try_into().ok()?)),
        3 => wide(f64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
        4 => wide(f64::from(u8::from_le_bytes(bytes.try_into().ok()?))),
        5 => wide(f64::from(i16::from_le_bytes(bytes.try_into().ok()?))),
        6 => wide(f64::from(i8::from_le_bytes(bytes.try_into().ok()?))),
        9 => of_integer(i128::from(i64::from_le_bytes(bytes.try_into().ok()?))),
        10 => wide(f64::from(u8::from_le_bytes(bytes.try_into().ok()?))),
        14 => of_brain(u16::from_le_bytes(bytes.try_into().ok()?)),
        17 => wide(f64::from(u16::from_le_bytes(bytes.try_into().ok()?))),
        19 => of_half(u16::from_le_bytes(bytes.try_into().ok()?)),
        22 => wide(f64::from(u32::from_le_bytes(bytes.try_into().ok()?))),
        23 => of_integer(i128::from(u64::from_le_bytes(bytes.try_into().ok()?))),
        _ => return None,
    })
}

/// The number of a list of one, packed or not.
fn of_wire(kind: i64, wire: Wire<'_>) -> Result<Option<Number>, Malformed> {
    let one = match wire {
        Wire::Bytes(packed) => {
            // Numbers of a fixed size stand one after the other, others as they are in a field.
            match kind {
                1 => return Ok(packed.try_into().ok().map(|bytes| Number::of_float(f32::from_le_bytes(bytes)))),
                2 => {
                    let value = packed.try_into().ok().map(f64::from_le_bytes);
                    return Ok(value.map(|value| Number { value, narrow: None, rounded: false }));
                }
                _ => {
                    let field = [&[0x08], packed].concat();
                    let mut fields = Fields::of(&field);
                    let Some(Ok((1, Wire::Varint(value)))) = fields.next() else { return Ok(None) };
                    if fields.next().is_some() {
                        return Ok(None);
                    }
                    Wire::Varint(value)
                }
            }
        }
        other => other,
    };
    Ok(match (kind, one) {
        (1, Wire::Fixed32(bits)) => Some(Number::of_float(f32::from_bits(bits))),
        (2, Wire::Fixed64(bits)) => Some(Number { value: f64::from_bits(bits), narrow: None, rounded: false }),
        (19, Wire::Varint(bits)) => u16::try_from(bits).ok().map(of_half),
        (14, Wire::Varint(bits)) => u16::try_from(bits).ok().map(of_brain),
        (22 | 23, Wire::Varint(value)) => Some(of_integer(i128::from(value))),
        (3..=6 | 9 | 10 | 17, Wire::Varint(value)) => Some(of_integer(i128::from(value as i64))),
        _ => None,
    })
}

fn of_integer(integer: i128) -> Number {
    let value = integer as f64;
    Number { value, narrow: None, rounded: value as i128 != integer }
}

/// A number of 16 bits with 5 for its size.
fn of_half(bits: u16) -> Number {
    let (size, digits) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let value = match size {
        0 => digits * 2f64.powi(-24),
        31 if digits == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + digits / 1024.0) * 2f64.powi(size - 15),
    };
    let value = if bits & 0x8000 == 0 { value } else { -value };
    Number { value, narrow: Some("float16"), rounded: false }
}

/// The upper half of a number of 32 bits.
fn of_brain(bits: u16) -> Number {
    let value = f64::from(f32::from_bits(u32::from(bits) << 16));
    Number { value, narrow: Some("bfloat16"), rounded: false }
}

#[cfg(test)]
mod tests {
    use super::{of_brain, of_half, of_tensor};

    fn number(bytes: &[u8]) -> Option<f64> {
        of_tensor(bytes).unwrap().map(|number| number.value)
    }

    #[test]
    fn numbers_of_every_type_and_form_are_read() {
        let float = 0.5f32.to_le_bytes();
        let [a, b, c, d] = float;
        assert_eq!(number(&[0x08, 1, 0x22, 4, a, b, c, d]), Some(0.5), "bytes");
        assert_eq!(number(&[0x08, 1, 0x12, 0, 0x22, 4, a, b, c, d]), Some(0.5), "with an empty shape");
        assert_eq!(number(&[0x08, 1, 0x2a, 4, a, b, c, d]), Some(0.5), "packed");
        assert_eq!(number(&[0x08, 1, 0x2d, a, b, c, d]), Some(0.5), "a list");
        assert_eq!(number(&[[0x08, 2, 0x32, 8].as_slice(), &0.1f64.to_le_bytes()].concat()), Some(0.1));
        assert_eq!(number(&[[0x08, 9, 0x22, 8].as_slice(), &(-5i64).to_le_bytes()].concat()), Some(-5.0));
        assert_eq!(number(&[0x08, 9, 0x52, 1, 7]), Some(7.0));
        assert_eq!(number(&[0x08, 10, 0x58, 1]), Some(1.0));
        let rounded =
            of_tensor(&[[0x08, 9, 0x22, 8].as_slice(), &((1i64 << 53) + 1).to_le_bytes()].concat()).unwrap().unwrap();
        assert!(rounded.rounded);
        // Not one number: a dimension, several of them, a text, nothing.
        assert_eq!(number(&[0x08, 1, 0x12, 4, 0x12, 2, 0x08, 1, 0x22, 4, a, b, c, d]), None);
        assert_eq!(number(&[0x08, 1, 0x2a, 8, a, b, c, d, a, b, c, d]), None);
        assert_eq!(number(&[0x08, 7, 0x42, 1, b'x']), None);
        assert_eq!(number(&[]), None);
    }

    #[test]
    fn short_numbers_are_what_they_say() {
        let halves =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2f64.powi(-24)), (0x7bff, 65504.0), (0x7c00, f64::INFINITY)];
        for (bits, value) in halves {
            assert_eq!(of_half(bits).value, value);
        }
        assert!(of_half(0x7e00).value.is_nan());
        assert_eq!(of_brain(0x3fc0).value, 1.5);
    }
}
