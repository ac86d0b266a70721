//! Writes JSON: brackets, commas, and white space if it is indented.

use serde_json::Value as Json;

use super::sink::Sink;
use crate::error::Result;
use crate::exchange::value::{write_json, write_string};

/// How much is handed over at once, more or less.
const CHUNK: usize = 64 * 1024;
/// What is not kept until the object ends.
const HUGE: usize = 1 << 20;

/// JSON on its way to a sink.
pub struct Output<'s> {
    sink: &'s mut dyn Sink,
    pub buffer: Vec<u8>,
    indent: usize,
    depth: usize,
    /// Nothing stands in the innermost bracket yet.
    empty: bool,
    handed_over: u64,
}

impl<'s> Output<'s> {
    /// With so many spaces per level; 0 for one line.
    pub fn new(sink: &'s mut dyn Sink, indent: usize) -> Output<'s> {
        Output { sink, buffer: Vec::with_capacity(2 * CHUNK), indent, depth: 0, empty: true, handed_over: 0 }
    }

    fn line(&mut self) {
        if self.indent > 0 {
            self.buffer.push(b'\n');
            self.buffer.resize(self.buffer.len() + self.indent * self.depth, b' ');
        }
    }

    /// Opens an array or an object.
    pub fn open(&mut self, bracket: u8) {
        self.buffer.push(bracket);
        self.depth += 1;
        self.empty = true;
    }

    /// Closes it.
    pub fn close(&mut self, bracket: u8) {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.line();
        }
        self.buffer.push(bracket);
        self.empty = false;
    }

    /// Before each element of an array.
    pub fn item(&mut self) {
        if !self.empty {
            self.buffer.push(b',');
        }
        self.empty = false;
        self.line();
    }

    /// Before each member of an object: its key, in quotes.
    pub fn key(&mut self, quoted: &[u8]) {
        self.item();
        self.buffer.extend_from_slice(quoted);
        self.colon();
    }

    /// As [`Output::key`], for keys that need no escapes.
    pub fn plain_key(&mut self, key: &str) {
        self.item();
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(key.as_bytes());
        self.buffer.push(b'"');
        self.colon();
    }

    /// A value that is in memory.
    pub fn value(&mut self, value: &Json) -> Result<()> {
        match value {
            Json::Array(items) => {
                self.open(b'[');
                for item in items {
                    self.item();
                    self.value(item)?;
                }
                self.close(b']');
                Ok(())
            }
            Json::Object(members) => {
                self.open(b'{');
                for (key, value) in members {
                    self.item();
                    write_string(key, &mut self.buffer)?;
                    self.colon();
                    self.value(value)?;
                }
                self.close(b'}');
                Ok(())
            }
            scalar => write_json(scalar, &mut self.buffer),
        }
    }

    fn colon(&mut self) {
        self.buffer.extend_from_slice(if self.indent > 0 { b": " } else { b":" });
    }

    /// Hands over what there is, if that is enough.
    pub fn pass_on(&mut self) -> Result<()> {
        if self.buffer.len() < CHUNK { Ok(()) } else { self.hand_over() }
    }

    /// Hands over what there is, if it is too much to be kept while something else is done.
    #[inline]
    pub fn pass_on_huge(&mut self) -> Result<()> {
        if self.buffer.len() < HUGE { Ok(()) } else { self.hand_over() }
    }

    fn hand_over(&mut self) -> Result<()> {
        self.sink.write(&self.buffer)?;
        self.handed_over += self.buffer.len() as u64;
        self.buffer.clear();
        // One value may have been large.
        self.buffer.shrink_to(2 * CHUNK);
        Ok(())
    }

    /// Ends the document; returns its size in bytes.
    pub fn end(mut self) -> Result<u64> {
        self.buffer.push(b'\n');
        self.hand_over()?;
        Ok(self.handed_over)
    }
}
