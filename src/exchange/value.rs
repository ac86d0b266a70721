//! How a cell is written, so that its storage class and all its bytes can be read back (docs/export-format.md, "Values").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::embedded::embeds;
use crate::error::{Domain, Error, Result};
use crate::schema::Kind;
use crate::values::ValueRef;

/// The keys of wrapped values.
pub const WRAPPED_TEXT: &str = "$text";
pub const WRAPPED_BYTES: &str = "$bytes";
pub const WRAPPED_BLOB: &str = "$blob";
pub const WRAPPED_INTEGER: &str = "$integer";
pub const WRAPPED_REAL: &str = "$real";

/// The names of the numbers that JSON does not have.
pub const NAN: &str = "NaN";
pub const INFINITY: &str = "Infinity";
pub const NEGATIVE_INFINITY: &str = "-Infinity";

/// What a column is for: says which values need no wrapping there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    Text,
    Number,
    Json,
}

impl Slot {
    /// That of a column of this kind; `None` for an extra column.
    pub fn of(kind: Option<Kind>) -> Slot {
        match kind {
            Some(Kind::Integer | Kind::Real) => Slot::Number,
            Some(Kind::Json) => Slot::Json,
            Some(Kind::Text | Kind::Time | Kind::Bytes | Kind::Cell) | None => Slot::Text,
        }
    }
}

/// Appends a value.
pub fn write_value(slot: Slot, value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    match (slot, value) {
        (_, ValueRef::Null) => out.extend_from_slice(b"null"),
        (Slot::Json, ValueRef::Integer(value)) => wrapped(WRAPPED_INTEGER, out, |out| write_integer(value, out))?,
        (_, ValueRef::Integer(value)) => write_integer(value, out)?,
        (Slot::Json, ValueRef::Real(value)) => wrapped(WRAPPED_REAL, out, |out| write_real(value, out))?,
        (Slot::Text, ValueRef::Real(value)) if !value.is_finite() => {
            wrapped(WRAPPED_REAL, out, |out| write_real(value, out))?;
        }
        (_, ValueRef::Real(value)) => write_real(value, out)?,
        (_, ValueRef::Blob(blob)) => wrapped(WRAPPED_BLOB, out, |out| write_base64(blob, out))?,
        (_, ValueRef::Text(bytes)) => match (slot, std::str::from_utf8(bytes)) {
            (_, Err(_)) => wrapped(WRAPPED_BYTES, out, |out| write_base64(bytes, out))?,
            (Slot::Text, Ok(text)) => write_string(text, out)?,
            (Slot::Json, Ok(text)) if embeds(text) => out.extend_from_slice(bytes),
            (Slot::Json | Slot::Number, Ok(text)) => wrapped(WRAPPED_TEXT, out, |out| write_string(text, out))?,
        },
    }
    Ok(())
}

fn wrapped(key: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    out.push(b'{');
    write_string(key, out)?;
    out.push(b':');
    write(out)?;
    out.push(b'}');
    Ok(())
}

/// Appends what serde makes of a value.
pub fn write_json(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(out, value)
        .map_err(|error| Error::internal(Domain::ImportExport, format!("a value cannot be written: {error}")))
}

/// Appends a string with its quotes.
pub fn write_string(text: &str, out: &mut Vec<u8>) -> Result<()> {
    write_json(text, out)
}

/// Appends an integer.
pub fn write_integer(value: i64, out: &mut Vec<u8>) -> Result<()> {
    write_json(&value, out)
}

/// Appends a real number: the shortest that reads back to the same bits, with a point or an exponent; or its name.
fn write_real(value: f64, out: &mut Vec<u8>) -> Result<()> {
    if value.is_finite() {
        write_json(&value, out)
    } else if value.is_nan() {
        write_string(NAN, out)
    } else {
        write_string(if value > 0.0 { INFINITY } else { NEGATIVE_INFINITY }, out)
    }
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    /// A multiple of three, so that no piece but the last is padded.
    const PIECE: usize = 3 << 14;
    out.push(b'"');
    for piece in bytes.chunks(PIECE) {
        out.extend_from_slice(STANDARD.encode(piece).as_bytes());
    }
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Engine, STANDARD, Slot, write_value};
    use crate::values::ValueRef::{Blob, Integer, Null, Real, Text};

    #[test]
    fn every_storage_class_can_be_told_from_the_others_in_every_column() {
        let cases = [
            (Null, ["null", "null", "null"]),
            (
                Integer(i64::MIN),
                ["-9223372036854775808", "-9223372036854775808", r#"{"$integer":-9223372036854775808}"#],
            ),
            (Real(5.0), ["5.0", "5.0", r#"{"$real":5.0}"#]),
            (Real(-0.0), ["-0.0", "-0.0", r#"{"$real":-0.0}"#]),
            (Real(f64::INFINITY), [r#"{"$real":"Infinity"}"#, r#""Infinity""#, r#"{"$real":"Infinity"}"#]),
            (Real(f64::NEG_INFINITY), [r#"{"$real":"-Infinity"}"#, r#""-Infinity""#, r#"{"$real":"-Infinity"}"#]),
            (Real(f64::NAN), [r#"{"$real":"NaN"}"#, r#""NaN""#, r#"{"$real":"NaN"}"#]),
            (Text(b"NaN"), [r#""NaN""#, r#"{"$text":"NaN"}"#, r#"{"$text":"NaN"}"#]),
            (
                Text(b"a\0\n\"\\"),
                [r#""a\u0000\n\"\\""#, r#"{"$text":"a\u0000\n\"\\"}"#, r#"{"$text":"a\u0000\n\"\\"}"#],
            ),
            (Text(b"{\"a\": 1}"), [r#""{\"a\": 1}""#, r#"{"$text":"{\"a\": 1}"}"#, r#"{"a": 1}"#]),
            (Text(b"null"), [r#""null""#, r#"{"$text":"null"}"#, r#"{"$text":"null"}"#]),
            (Text(b"\xff"), [r#"{"$bytes":"/w=="}"#; 3]),
            (Blob(b"null"), [r#"{"$blob":"bnVsbA=="}"#; 3]),
            (Blob(b""), [r#"{"$blob":""}"#; 3]),
        ];
        let long: Vec<u8> = (0..100_000u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let mut out = Vec::new();
        write_value(Slot::Text, Blob(&long), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"$blob":"{}"}}"#, STANDARD.encode(&long)));
        for (value, expected) in cases {
            for (slot, expected) in [Slot::Text, Slot::Number, Slot::Json].into_iter().zip(expected) {
                let mut out = Vec::new();
                write_value(slot, value, &mut out).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), expected, "{slot:?} {value:?}");
            }
        }
    }

    #[test]
    fn real_numbers_come_back_to_the_bit_and_never_look_like_integers() {
        for value in [
            0.1,
            1e300,
            1e-300,
            5e-324,
            f64::MAX,
            9007199254740993.0,
            1e15,
            1e16,
            1e17,
            123456789012345680.0,
            1.0 / 3.0,
        ] {
            let mut out = Vec::new();
            write_value(Slot::Number, Real(value), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(['.', 'e']), "{text}");
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
        }
    }
}
