//! Which moment a time of Optuna's is. Before 5.0 it wrote the local time of the writer, since then UTC; tables keep neither which it was.

use crate::readers::account::Clock;
use crate::readers::zone::offset;
use crate::values::parse_timestamp;

const MINUTE: i64 = 60_000_000;

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since 1970 of what stands there, whatever the zone.
    pub naive: i64,
    /// Milliseconds since 1970, UTC.
    pub utc: i64,
    /// Whether the zone is known.
    pub is_certain: bool,
}

/// How times without a zone are read.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Minutes east of Greenwich, if the caller says where the writer was.
    offset: Option<i64>,
    /// What made the storage writes UTC, whatever the caller says.
    writes_utc: bool,
    certain: u64,
    assumed: u64,
}

/// `+09:00`, `-0330` or `Z` at the end: the text before it, and minutes east of Greenwich.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(before) = text.strip_suffix(['Z', 'z']) {
        return Some((before, 0));
    }
    let at = text.rfind(['+', '-']).filter(|at| *at >= "YYYY-MM-DDThh:mm".len())?;
    let (before, zone) = text.split_at_checked(at)?;
    Some((before, offset(zone)?))
}

impl Times {
    pub fn new(offset: Option<i64>, writes_utc: bool) -> Times {
        Times { offset, writes_utc, certain: 0, assumed: 0 }
    }

    /// Reads one; `None` if it is no time.
    pub fn moment(&mut self, text: &str) -> Option<Moment> {
        let (plain, zone) = match zone(text) {
            Some((plain, zone)) => (plain, Some(zone)),
            None => (text, None),
        };
        let naive = parse_timestamp(plain.as_bytes())?;
        let zone = zone.or(self.writes_utc.then_some(0));
        let is_certain = zone.is_some();
        match is_certain {
            true => self.certain += 1,
            false => self.assumed += 1,
        }
        let east = zone.or(self.offset).unwrap_or(0);
        Some(Moment { naive, utc: (naive - east * MINUTE).div_euclid(1000), is_certain })
    }

    /// What zone those times are taken for that do not say it.
    pub fn assumed_zone(&self) -> String {
        let minutes = self.offset.unwrap_or(0);
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }

    /// What is known of all that were read.
    pub fn clock(&self) -> Clock {
        match (self.certain, self.assumed) {
            (_, 0) => Clock::Known,
            (0, _) => Clock::Assumed,
            _ => Clock::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Times;
    use crate::readers::account::Clock;

    #[test]
    fn a_time_is_what_its_zone_the_caller_or_the_writer_says() {
        let mut tokyo = Times::new(Some(540), false);
        let moment = tokyo.moment("2026-12-01 09:00:00.123456").unwrap();
        assert_eq!((moment.utc, moment.is_certain), (1_796_083_200_123, false));
        let moment = tokyo.moment("2026-12-01T00:00:00.123456+00:00").unwrap();
        assert_eq!((moment.utc, moment.is_certain), (1_796_083_200_123, true));
        assert_eq!((tokyo.clock(), tokyo.assumed_zone()), (Clock::Mixed, "+09:00".to_owned()));
        let mut utc = Times::new(None, true);
        assert!(utc.moment("2026-12-01T00:00:00").unwrap().is_certain && utc.clock() == Clock::Known);
        assert!(Times::new(None, false).moment("2026-12-01").is_none());
    }
}
