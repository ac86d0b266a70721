//! Files of metrics: a line for each point, `time value step`, at times with more behind it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::error::{Domain, Error, Result};
use crate::progress::Job;
use crate::readers::sink::Sink;

/// No line that MLflow writes is longer.
const LONGEST: usize = 1 << 16;

/// A point as a line has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line<'l> {
    pub time: i64,
    pub value: f64,
    pub step: i64,
    /// What stands behind it.
    pub rest: [Option<&'l str>; 3],
}

/// Reads one line; `None` if it is none that MLflow writes. Without a step, as the first versions wrote it, that is 0.
pub fn parse(line: &[u8]) -> Option<Line<'_>> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let mut fields = line.split(' ');
    let time = fields.next()?.parse().ok()?;
    let value = fields.next()?.parse().ok()?;
    let step = fields.next().map_or(Some(0), |step| step.parse().ok())?;
    let rest = [fields.next(), fields.next(), fields.next()];
    fields.next().is_none().then_some(Line { time, value, step, rest })
}

/// Reads a file, and hands over line after line; counts what is none. A last line without its end is still being written, or cut off: it is not
/// used, because nobody can tell a number from the beginning of another.
pub fn read(
    path: &Path,
    sink: &mut Sink<'_>,
    job: &Job,
    each: &mut dyn FnMut(&mut Sink<'_>, Line<'_>) -> Result<bool>,
) -> Result<()> {
    let cannot =
        |error: &std::io::Error| Error::from_io(Domain::ImportExport, "the points cannot be read", path, error);
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let buffered = reader.fill_buf().map_err(|error| cannot(&error))?;
        if buffered.is_empty() {
            return Ok(());
        }
        // Most lines are in the buffer as a whole.
        let whole = memchr::memchr(b'\n', buffered);
        let (bytes, used) = match whole {
            Some(end) => (buffered.get(..end).unwrap_or_default(), end + 1),
            None => {
                let _read = reader.read_until(b'\n', &mut line).map_err(|error| cannot(&error))?;
                (line.as_slice(), 0)
            }
        };
        let complete = whole.is_some() || bytes.last() == Some(&b'\n');
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        sink.source.bytes += bytes.len() as u64 + u64::from(complete);
        if !bytes.trim_ascii().is_empty() {
            job.pulse()?;
            sink.source.points.read += 1;
            let parsed = if bytes.len() > LONGEST { None } else { parse(bytes) };
            match parsed {
                _ if !complete => {
                    sink.source.points.refuse("torn_line");
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    sink.source.torn = Some(format!("{name} ends within a line"));
                }
                Some(point) if each(sink, point)? => {}
                _ => sink.source.points.refuse("malformed_line"),
            }
        }
        reader.consume(used);
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lines_of_every_version_are_read() {
        let point = |text: &str| parse(text.as_bytes()).map(|line| (line.time, line.value.to_bits(), line.step));
        assert_eq!(point("1700000000000 -0.0 -3"), Some((1_700_000_000_000, (-0.0f64).to_bits(), -3)));
        assert_eq!(point("1 5e-324 9223372036854775807"), Some((1, 1, i64::MAX)));
        assert_eq!(point("1 0.30000000000000004"), Some((1, (0.1f64 + 0.2).to_bits(), 0)));
        assert!(parse(b"1 nan 0").unwrap().value.is_nan());
        assert_eq!(parse(b"1 -inf 0").unwrap().value, f64::NEG_INFINITY);
        assert_eq!(parse(b"1 2.5 3 train abc").unwrap().rest, [Some("train"), Some("abc"), None]);
        for odd in ["", "1", "x 1 2", "1 y 2", "1 2 1.5", "1 2 3 4 5 6 7", "\u{ff}", "1  2 3"] {
            assert_eq!(point(odd), None, "{odd}");
        }
    }
}
