//! Timestamps: naive ISO 8601 text, compared and digested as microseconds. Zones are never shifted.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};

/// Microseconds since 1970-01-01T00:00:00 of `YYYY-MM-DDThh:mm:ss[.f{1,6}]` (`T` or one space), years 0001 to 9999. `None` for every other
/// text.
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let digits = |from: usize, to: usize| -> Option<u32> {
        let mut number = 0u32;
        for &byte in text.get(from..to)? {
            number = number * 10 + u32::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        }
        Some(number)
    };
    let separators = [(4, b"-".as_slice()), (7, b"-"), (10, b"T "), (13, b":"), (16, b":")];
    if !separators.iter().all(|(at, allowed)| text.get(*at).is_some_and(|byte| allowed.contains(byte))) {
        return None;
    }
    let year = digits(0, 4)?;
    let micros = match text.len() {
        19 => 0,
        length @ 21..=26 if text.get(19) == Some(&b'.') => {
            let scale = u32::try_from(26 - length).ok()?;
            digits(20, length)? * 10u32.pow(scale)
        }
        _ => return None,
    };
    if year == 0 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, digits(5, 7)?, digits(8, 10)?)?;
    let seconds = digits(17, 19)?;
    if seconds > 59 {
        return None;
    }
    let time = NaiveTime::from_hms_micro_opt(digits(11, 13)?, digits(14, 16)?, seconds, micros)?;
    Some(date.and_time(time).and_utc().timestamp_micros())
}

/// The text of so many microseconds, as Python writes it: a fraction of six digits, or none if it is zero. `None` outside of the years
/// 0001 to 9999.
pub fn format_timestamp(micros: i64) -> Option<String> {
    let time = DateTime::from_timestamp_micros(micros)?.naive_utc();
    if !(1..=9999).contains(&time.year()) {
        return None;
    }
    let form = if time.nanosecond() == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S%.6f" };
    Some(time.format(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::{format_timestamp, parse_timestamp};

    #[test]
    fn what_is_written_reads_back() {
        for text in
            ["1970-01-01T00:00:00", "2023-12-01T10:00:00.000001", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"]
        {
            let micros = parse_timestamp(text.as_bytes()).unwrap();
            assert_eq!(format_timestamp(micros).as_deref(), Some(text));
        }
        assert_eq!(format_timestamp(253_402_300_800_000_000), None);
        assert_eq!(format_timestamp(-62_135_596_800_000_001), None);
    }

    #[test]
    fn accepts_both_separators_and_every_fraction_length() {
        assert_eq!(parse_timestamp(b"1970-01-01T00:00:00"), Some(0));
        assert_eq!(parse_timestamp(b"1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(parse_timestamp(b"2023-12-01T10:00:00.123456"), Some(1_701_424_800_123_456));
        assert_eq!(parse_timestamp(b"1969-12-31T23:59:59.999999"), Some(-1));
        assert_eq!(parse_timestamp(b"0001-01-01T00:00:00"), Some(-62_135_596_800_000_000));
        assert_eq!(parse_timestamp(b"9999-12-31T23:59:59.999999"), Some(253_402_300_799_999_999));
    }

    #[test]
    fn refuses_what_is_not_exactly_a_timestamp() {
        for text in [
            "",
            "2023-12-01",
            "2023-12-01T10:00",
            "2023-12-01T10:00:00.",
            "2023-12-01T10:00:00.1234567",
            "2023-12-01T10:00:00Z",
            "2023-02-29T10:00:00",
            "0000-01-01T00:00:00",
            "2023-12-01T24:00:00",
            "2023-12-01T10:00:60",
            "2023-12-01t10:00:00",
            "٢٠٢٣-12-01T10:00:00",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes()), None, "{text}");
        }
    }
}
