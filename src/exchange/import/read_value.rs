//! Reads the values of cells from a document (docs/export-format.md, "Values").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::reader::{Kind, Number, Reader};
use super::row::KEPT_BYTES;
use crate::error::{Result, Status};
use crate::exchange::embedded::{embedded, looks_wrapped};
use crate::exchange::value::{
    INFINITY, NAN, NEGATIVE_INFINITY, Slot, WRAPPED_BLOB, WRAPPED_BYTES, WRAPPED_INTEGER, WRAPPED_REAL, WRAPPED_TEXT,
};
use crate::schema::{self};
use crate::spill::CellBuffer;
use crate::values::ValueRef;
use crate::values::json::{self, Keys, Lexer};

const WRAPPED: [&str; 5] = [WRAPPED_TEXT, WRAPPED_BYTES, WRAPPED_BLOB, WRAPPED_INTEGER, WRAPPED_REAL];
const NON_FINITE: [(&str, f64); 3] =
    [(NAN, f64::NAN), (INFINITY, f64::INFINITY), (NEGATIVE_INFINITY, f64::NEG_INFINITY)];

/// Reads cells one after another; keeps its buffer.
#[derive(Debug, Default)]
pub struct ValueReader {
    text: Vec<u8>,
    usual: bool,
}

impl ValueReader {
    /// Whether the cell that was read is certainly what its column is for, so that nobody need look again: a string in a column of
    /// text, an object of numbers in one of JSON. Of other cells this does not say.
    #[inline]
    pub fn is_usual(&self) -> bool {
        self.usual
    }

    /// Reads the cell of a column of this kind; `None` for an extra column.
    #[inline]
    pub fn read(&mut self, reader: &mut Reader<'_>, column: Option<schema::Kind>, into: &mut CellBuffer) -> Result<()> {
        let next = reader.kind()?;
        self.usual = next == Kind::String && column == Some(schema::Kind::Text);
        if next == Kind::Null {
            reader.take_null()?;
            into.push(ValueRef::Null);
            return Ok(());
        }
        let slot = Slot::of(column);
        if slot == Slot::Json {
            return self.json(reader, next, into);
        }
        let is_number = slot == Slot::Number;
        match next {
            Kind::String if is_number => {
                let number = self.non_finite(reader)?;
                into.push(ValueRef::Real(number));
                Ok(())
            }
            Kind::String => into.push_text(|out| reader.string_here(out)),
            Kind::Number => {
                into.push(number(reader.number_here()?));
                Ok(())
            }
            Kind::Object => self.wrapped(reader, into),
            Kind::List | Kind::Boolean | Kind::Null => {
                let wanted = if is_number { "a number" } else { "a string" };
                reader.invalid(format!("{wanted} is expected here, not {}", next.describe()))
            }
        }
    }

    /// The name of a number that is not finite.
    fn non_finite(&mut self, reader: &mut Reader<'_>) -> Result<f64> {
        let offset = reader.offset();
        self.text.clear();
        reader.string(&mut self.text)?;
        if let Some((_, number)) = NON_FINITE.iter().find(|(name, _)| name.as_bytes() == self.text) {
            return Ok(*number);
        }
        let what = format!("a number is expected here, not the string {}", ValueRef::Text(&self.text).describe());
        let hint = "of strings only \"NaN\", \"Infinity\" and \"-Infinity\" stand for numbers; text in a column of numbers is \
                    written as {\"$text\": ...}";
        Err(reader.error_at(offset, Status::Validation, what).hint(hint))
    }

    /// JSON text: itself, or wrapped.
    fn json(&mut self, reader: &mut Reader<'_>, next: Kind, into: &mut CellBuffer) -> Result<()> {
        let (offset, bytes) = reader.raw()?;
        if let Some(known) = std::str::from_utf8(bytes).ok().and_then(embedded) {
            into.push(ValueRef::Text(bytes));
            self.usual = known.of_numbers;
            reader.let_go();
            return Ok(());
        }
        let kept = bytes.to_vec();
        if next == Kind::Object && any_key(&kept, looks_wrapped) {
            let outside = reader.enter(kept, offset);
            self.wrapped(reader, into)?;
            return reader.leave(outside);
        }
        let (at, reason) = match json::canonicalize(&kept, &mut Vec::new()) {
            Err(error) => (error.offset, error.reason),
            Ok(()) => {
                (0, "it is nested too deep, or has the same key twice, a lone surrogate or a number beyond all bounds")
            }
        };
        let what = format!("this JSON cannot be read by every reader: {reason}");
        let error = reader.error_at(offset + at as u64, Status::Corrupt, what);
        Err(error.hint("text that is not JSON for every reader is written as {\"$text\": ...}"))
    }

    /// A value that says of itself what it is.
    fn wrapped(&mut self, reader: &mut Reader<'_>, into: &mut CellBuffer) -> Result<()> {
        let start = reader.offset();
        let mut members = reader.begin_object()?;
        let Some(at) = reader.next_member(&mut members, &WRAPPED)? else {
            let what = "a value is expected here, not an empty object";
            return Err(reader.error_at(start, Status::Validation, what));
        };
        match WRAPPED.get(at) {
            Some(&WRAPPED_TEXT) => into.push_text(|out| reader.string(out))?,
            Some(&WRAPPED_BYTES) => {
                self.base64(reader)?;
                into.push(ValueRef::Text(&self.text));
                self.text.clear();
                self.text.shrink_to(KEPT_BYTES);
            }
            Some(&WRAPPED_BLOB) => {
                self.base64(reader)?;
                into.push(ValueRef::Blob(&self.text));
                self.text.clear();
                self.text.shrink_to(KEPT_BYTES);
            }
            Some(&WRAPPED_INTEGER) => match number(reader.number()?) {
                integer @ ValueRef::Integer(_) => into.push(integer),
                _ => return reader.invalid("an integer is expected here, not a number with a point or an exponent"),
            },
            _ => {
                let number = match reader.kind()? {
                    Kind::String => self.non_finite(reader)?,
                    _ => match reader.number()? {
                        Number::Real(number) => number,
                        // Some programs write 5.0 as 5.
                        Number::Integer(number) => number as f64,
                    },
                };
                into.push(ValueRef::Real(number));
            }
        }
        match reader.next_member(&mut members, &WRAPPED)? {
            None => Ok(()),
            Some(_) => reader.invalid("a wrapped value has one key"),
        }
    }

    /// Bytes in base 64, into the buffer.
    fn base64(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let offset = reader.offset();
        let mut coded = Vec::new();
        reader.string(&mut coded)?;
        self.text.clear();
        STANDARD
            .decode_vec(&coded, &mut self.text)
            .map_err(|error| reader.error_at(offset, Status::Validation, format!("this is not base 64: {error}")))
    }
}

fn number(number: Number) -> ValueRef<'static> {
    match number {
        Number::Integer(number) => ValueRef::Integer(number),
        Number::Real(number) => ValueRef::Real(number),
    }
}

/// Whether an object has such a key at its top; of something that is no JSON, up to where it is.
pub fn any_key(object: &[u8], wanted: impl Fn(&[u8]) -> bool) -> bool {
    let end = std::str::from_utf8(object).map_or_else(|error| error.valid_up_to(), str::len);
    let mut lexer = Lexer::new(object.get(..end).and_then(|whole| std::str::from_utf8(whole).ok()).unwrap_or_default());
    let mut keys = Keys::default();
    lexer.take(b'{');
    loop {
        keys.clear();
        if keys.read(&mut lexer).is_err() {
            return false;
        }
        if wanted(keys.last()) {
            return true;
        }
        if lexer.skip_value(1).is_err() || lexer.ended(b'}') != Ok(false) {
            return false;
        }
    }
}
