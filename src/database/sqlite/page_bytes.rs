//! Numbers and records as they stand on the pages of a file.

/// A number of two bytes.
#[inline]
pub fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|two| usize::from(u16::from_be_bytes(*two)))
}

/// A number of four bytes.
#[inline]
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// A number of 1 to 9 bytes, and the position after it.
#[inline]
pub fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((u64::from(first), at + 1));
    }
    let mut value = u64::from(first & 0x7f);
    for place in 1..8 {
        let byte = *bytes.get(at + place)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + place + 1));
        }
    }
    Some((value << 8 | u64::from(*bytes.get(at + 8)?), at + 9))
}

/// Whether a record is as long as its header says.
#[inline]
pub fn record_fits(local: &[u8], payload: u64) -> Option<()> {
    let (header, mut at) = varint(local, 0)?;
    let end = usize::try_from(header).ok()?;
    // A header that goes on elsewhere is left to SQLite.
    local.get(..end)?;
    let mut size = header;
    while at < end {
        let (serial, next) = varint(local, at)?;
        at = next;
        let bytes = match serial {
            0 | 8 | 9 => 0,
            1..=4 => serial,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            long => (long - 12) / 2,
        };
        size = size.checked_add(bytes)?;
    }
    (at == end && size == payload).then_some(())
}

/// Marks bytes as used; `None` if one of them was.
#[inline]
pub fn claim(used: &mut [u64], at: usize, size: usize) -> Option<()> {
    let (mut at, end) = (at, at + size);
    while at < end {
        let (bit, count) = (at % 64, (64 - at % 64).min(end - at));
        let mask = u64::MAX >> (64 - count) << bit;
        let word = used.get_mut(at / 64)?;
        if *word & mask != 0 {
            return None;
        }
        *word |= mask;
        at += count;
    }
    Some(())
}
