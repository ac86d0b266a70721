//! Protocol buffers, as bytes: the fields of a message one after the other. What the numbers mean, the reader knows that asks; unknown fields are seen,
//! so that they can be counted.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire<'b> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A text, bytes, a message, or numbers one after the other.
    Bytes(&'b [u8]),
}

impl<'b> Wire<'b> {
    /// A signed integer that is written as it is.
    pub fn int(self) -> Option<i64> {
        match self {
            Wire::Varint(value) => Some(value as i64),
            _ => None,
        }
    }

    /// A signed integer with its sign at its end.
    pub fn zigzag(self) -> Option<i64> {
        match self {
            Wire::Varint(value) => Some((value >> 1) as i64 ^ -((value & 1) as i64)),
            _ => None,
        }
    }

    pub fn double(self) -> Option<f64> {
        match self {
            Wire::Fixed64(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    pub fn float(self) -> Option<f32> {
        match self {
            Wire::Fixed32(bits) => Some(f32::from_bits(bits)),
            _ => None,
        }
    }

    pub fn bytes(self) -> Option<&'b [u8]> {
        match self {
            Wire::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn text(self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// The message breaks off, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The fields of a message: their numbers and what they hold.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'b> {
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    pub fn of(message: &'b [u8]) -> Fields<'b> {
        Fields { rest: message }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (at, byte) in self.rest.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            // Of the last byte only one bit is part of the number.
            if at == 9 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(at + 1..).ok_or(Malformed)?;
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u32, Wire<'b>), Malformed> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0).ok_or(Malformed)?;
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Malformed)?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Malformed)?)),
            // Groups: none of these formats has them.
            _ => return Err(Malformed),
        };
        Ok((number, wire))
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u32, Wire<'b>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, Malformed, Wire};

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, Malformed> {
        Fields::of(bytes).collect()
    }

    #[test]
    fn every_kind_of_field_is_read() {
        let minus_three = [0x10, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(all(&minus_three).unwrap()[0].1.int(), Some(-3));
        assert_eq!(all(&[0x08, 0x03]).unwrap()[0].1.zigzag(), Some(-2));
        let mut double = vec![0x09];
        double.extend_from_slice(&1.5_f64.to_le_bytes());
        double.extend_from_slice(&[0x15, 0, 0, 0xc0, 0x3f, 0x1a, 2, b'o', b'k']);
        let found = all(&double).unwrap();
        assert_eq!((found[0].1.double(), found[1].1.float(), found[2].1.text()), (Some(1.5), Some(1.5), Some("ok")));
    }

    #[test]
    fn what_breaks_off_or_is_none_ends_with_an_error() {
        for bytes in
            [&[0x08][..], &[0x08, 0x80], &[0x09, 1], &[0x12, 5, 1], &[0x15, 1], &[0x0b], &[0x00, 0x01], &[0xff; 12]]
        {
            assert_eq!(all(bytes), Err(Malformed), "{bytes:?}");
        }
    }
}
