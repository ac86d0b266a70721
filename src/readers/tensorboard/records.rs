//! The records of a file: a length, its checksum, the bytes, theirs.

use std::io::{BufRead, ErrorKind, Read};

/// No record is read that has more bytes.
const LONGEST: u64 = 256 << 20;
/// Bytes before and behind those of a record.
const HEAD: usize = 12;
const FOOT: usize = 4;

/// What is next in a file.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// A record whose checksums are right.
    Record,
    /// One whose bytes are not those that were written; the next begins behind it.
    Damaged,
    /// One that is longer than any that is read.
    TooLong(u64),
    /// The file ends here.
    End,
    /// It breaks off in a record, of which there are so many bytes.
    Torn(u64),
    /// The length of a record is damaged, so nothing behind it can be found.
    Lost,
}

/// Reads the records of a file, one after the other.
pub struct Records<R> {
    from: R,
    /// Where the next record begins.
    pub at: u64,
    /// The bytes of the last one.
    pub bytes: Vec<u8>,
}

/// The checksum that stands in the file.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map(u32::from_le_bytes).unwrap_or(0)
}

/// Reads as many bytes as there are, at most all of the buffer's.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl<R: BufRead> Records<R> {
    pub fn new(from: R) -> Records<R> {
        Records { from, at: 0, bytes: Vec::new() }
    }

    /// Reads the next one into `bytes`.
    pub fn next(&mut self) -> std::io::Result<Next> {
        let mut head = [0; HEAD];
        match fill(&mut self.from, &mut head)? {
            0 => return Ok(Next::End),
            HEAD => {}
            short => return Ok(Next::Torn(short as u64)),
        }
        let (length, checksum) = head.split_at(8);
        if number(checksum) != masked(length) {
            return Ok(Next::Lost);
        }
        let length = length.try_into().map(u64::from_le_bytes).unwrap_or(0);
        let whole = length.saturating_add((HEAD + FOOT) as u64);
        if length > LONGEST {
            let skipped =
                std::io::copy(&mut (&mut self.from).take(length.saturating_add(FOOT as u64)), &mut std::io::sink())?;
            if skipped < length.saturating_add(FOOT as u64) {
                return Ok(Next::Torn(skipped.saturating_add(HEAD as u64)));
            }
            self.at = self.at.saturating_add(whole);
            return Ok(Next::TooLong(length));
        }
        self.bytes.clear();
        // No more memory than there are bytes: a length can say anything.
        let wanted = length + FOOT as u64;
        let read = (&mut self.from).take(wanted).read_to_end(&mut self.bytes)?;
        if (read as u64) < wanted {
            return Ok(Next::Torn(read as u64 + HEAD as u64));
        }
        let foot = self.bytes.split_off(self.bytes.len().saturating_sub(FOOT));
        self.at = self.at.saturating_add(whole);
        Ok(if number(&foot) == masked(&self.bytes) { Next::Record } else { Next::Damaged })
    }
}

#[cfg(test)]
mod tests {
    use super::{Next, Records, masked};

    pub fn record(bytes: &[u8]) -> Vec<u8> {
        let length = (bytes.len() as u64).to_le_bytes();
        [&length[..], &masked(&length).to_le_bytes(), bytes, &masked(bytes).to_le_bytes()].concat()
    }

    #[test]
    fn a_file_is_read_to_where_it_breaks_off() {
        let file = [record(b"one"), record(b""), record(b"three")].concat();
        let whole = |bytes: &[u8]| {
            let mut records = Records::new(bytes);
            let mut found = Vec::new();
            loop {
                match records.next().unwrap() {
                    Next::Record => found.push(records.bytes.clone()),
                    end => return (found, end),
                }
            }
        };
        assert_eq!(whole(&file), (vec![b"one".to_vec(), Vec::new(), b"three".to_vec()], Next::End));
        let ends = [0, 19, 35, 56];
        for cut in 0..=file.len() {
            let (found, end) = whole(&file[..cut]);
            assert_eq!(found.len(), ends.iter().filter(|end| **end > 0 && **end <= cut).count(), "{cut}");
            let rest = cut - ends.iter().rev().find(|end| **end <= cut).unwrap();
            assert_eq!(end, if rest == 0 { Next::End } else { Next::Torn(rest as u64) }, "{cut}");
        }
        for at in 0..file.len() {
            let mut bytes = file.clone();
            bytes[at] ^= 1;
            let (_, end) = whole(&bytes);
            assert!(matches!(end, Next::Damaged | Next::Lost), "{at}: {end:?}");
        }
    }
}
