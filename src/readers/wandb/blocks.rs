//! The records of a file, from blocks of 32 KiB in which each record is one piece or several.

use std::io::{ErrorKind, Read};

/// What every file begins with.
pub const HEADER: [u8; 7] = [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00];
const BLOCK: usize = 32 << 10;
/// Before the bytes of a piece: checksum, length, type.
const HEAD: usize = 7;
/// No record is put together that has more bytes.
const LONGEST: usize = 256 << 20;

/// What is next in a file.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// A record, whole and as it was written.
    Record,
    /// A piece whose checksum is wrong, or one that does not follow what came before it: what it is part of is lost, and what else is in its block.
    Damaged,
    /// A record that is longer than any that is read.
    TooLong,
    /// The file ends here.
    End,
    /// It breaks off in a record.
    Torn,
    /// It is no such file.
    Foreign,
}

/// Reads the records of a file, one after the other.
pub struct Blocks<R> {
    from: R,
    block: Vec<u8>,
    /// Where in the block the next piece begins.
    at: usize,
    /// Bytes of the blocks before.
    before: u64,
    begun: bool,
    /// A record has begun and not ended.
    open: bool,
    too_long: bool,
    /// The bytes of the last record.
    pub bytes: Vec<u8>,
}

/// What a piece is of its record.
#[derive(Clone, Copy)]
struct Piece {
    first: bool,
    last: bool,
}

impl<R: Read> Blocks<R> {
    pub fn new(from: R) -> Blocks<R> {
        let (block, bytes) = (Vec::with_capacity(BLOCK), Vec::new());
        Blocks { from, block, at: 0, before: 0, begun: false, open: false, too_long: false, bytes }
    }

    /// Bytes that were read.
    pub fn position(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Reads the next block. Whether there is anything in it.
    fn next_block(&mut self) -> std::io::Result<bool> {
        self.before += self.block.len() as u64;
        self.at = 0;
        self.block.resize(BLOCK, 0);
        let mut filled = 0;
        while let Some(rest) = self.block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.block.truncate(filled);
        Ok(filled > 0)
    }

    /// Reads the next record into `bytes`.
    pub fn next(&mut self) -> std::io::Result<Next> {
        if !self.begun {
            self.begun = true;
            self.next_block()?;
            if !self.block.starts_with(&HEADER) {
                // A file that was cut off before it began is one all the same.
                let cut = HEADER.starts_with(&self.block);
                self.block.clear();
                return Ok(if cut { Next::Torn } else { Next::Foreign });
            }
            self.at = HEADER.len();
        }
        loop {
            if self.block.len().saturating_sub(self.at) < HEAD {
                // What is left of a whole block is filled with nothing; what is left of a file has broken off.
                let short = self.block.len() < BLOCK;
                let rest = self.block.get(self.at..).is_some_and(|rest| !rest.is_empty());
                if short && rest {
                    self.at = self.block.len();
                    self.open = false;
                    return Ok(Next::Torn);
                }
                if short || !self.next_block()? {
                    return Ok(if std::mem::take(&mut self.open) { Next::Torn } else { Next::End });
                }
                continue;
            }
            if let Some(next) = self.piece() {
                return Ok(next);
            }
        }
    }

    /// Takes the next piece of the block; what it comes to, if that is anything.
    fn piece(&mut self) -> Option<Next> {
        let rest = self.block.get(self.at..)?;
        let (head, rest) = rest.split_first_chunk::<HEAD>()?;
        let [a, b, c, d, low, high, kind] = *head;
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some(content) = rest.get(..length) else {
            let at_end = self.block.len() < BLOCK;
            self.at = self.block.len();
            self.open = false;
            // No piece leaves its block: in the last block it has broken off, in another its length is wrong.
            return Some(if at_end { Next::Torn } else { Next::Damaged });
        };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[kind]);
        hasher.update(content);
        let piece = match kind {
            1 => Some(Piece { first: true, last: true }),
            2 => Some(Piece { first: true, last: false }),
            3 => Some(Piece { first: false, last: false }),
            4 => Some(Piece { first: false, last: true }),
            _ => None,
        };
        let Some(piece) = piece.filter(|_| hasher.finalize() == u32::from_le_bytes([a, b, c, d])) else {
            self.at = self.block.len();
            self.open = false;
            return Some(Next::Damaged);
        };
        self.at += HEAD + length;
        if piece.first == self.open {
            // Of what came before this is no part, or the end of what came before is missing.
            self.open = piece.first && !piece.last;
            self.bytes.clear();
            self.bytes.extend_from_slice(content);
            self.too_long = false;
            return Some(Next::Damaged);
        }
        if piece.first {
            self.bytes.clear();
            self.too_long = false;
        }
        self.too_long |= self.bytes.len() + length > LONGEST;
        if self.too_long {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(content);
        }
        self.open = !piece.last;
        match (piece.last, self.too_long) {
            (false, _) => None,
            (true, true) => Some(Next::TooLong),
            (true, false) => Some(Next::Record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Blocks, HEADER, Next};

    fn piece(kind: u8, content: &[u8]) -> Vec<u8> {
        let checksum = crc32fast::hash(&[&[kind], content].concat());
        let length = u16::try_from(content.len()).unwrap();
        [&checksum.to_le_bytes()[..], &length.to_le_bytes(), &[kind], content].concat()
    }

    fn read(file: &[u8]) -> (Vec<Vec<u8>>, Vec<Next>) {
        let mut blocks = Blocks::new(file);
        let (mut found, mut odd) = (Vec::new(), Vec::new());
        loop {
            match blocks.next().unwrap() {
                Next::Record => found.push(blocks.bytes.clone()),
                Next::Damaged => odd.push(Next::Damaged),
                end => {
                    odd.push(end);
                    return (found, odd);
                }
            }
        }
    }

    #[test]
    fn records_are_put_together_from_their_pieces() {
        let mut file = HEADER.to_vec();
        file.extend(piece(1, b"one"));
        let room = BLOCK - file.len() - 7;
        let long = vec![7u8; room + BLOCK - 7 + 100];
        file.extend(piece(2, &long[..room]));
        file.extend(piece(3, &long[room..room + BLOCK - 7]));
        file.extend(piece(4, &long[room + BLOCK - 7..]));
        // Exactly a head's room: a piece of nothing.
        let rest = BLOCK - file.len() % BLOCK - 7 - 7;
        file.extend(piece(1, &vec![1; rest]));
        file.extend(piece(2, b""));
        file.extend(piece(4, b"end"));
        let (found, odd) = read(&file);
        assert_eq!((found.len(), odd), (4, vec![Next::End]));
        assert_eq!((&found[0][..], &found[1], &found[3][..]), (&b"one"[..], &long, &b"end"[..]));
        for cut in 0..200 {
            let (found, odd) = read(&file[..cut]);
            assert_eq!(found.len(), usize::from(cut >= 17), "{cut}");
            let whole = cut == HEADER.len() || cut == 17;
            assert_eq!(odd, [if whole { Next::End } else { Next::Torn }], "{cut}");
        }
        let mut bytes = file.clone();
        bytes[12] ^= 1;
        assert_eq!(read(&bytes).1[0], Next::Damaged);
        bytes[0] ^= 1;
        assert_eq!(read(&bytes).1, [Next::Foreign]);
    }
}
