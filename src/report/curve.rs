//! The shape of any number of values in a bounded number of buckets.
//!
//! A bucket is a range of positions whose width is a power of two and which begins at a multiple of it. When there are too many buckets the
//! width is doubled, and each two become one. So the order in which values come does not matter, and neither is their number or their range
//! known in advance. Each bucket keeps its lowest and its highest value: no extreme is ever lost.

use std::collections::BTreeMap;

/// A value and its position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: i64,
    pub value: f64,
}

impl Point {
    /// In an order in which two different points are never equal.
    fn is_lower(&self, other: &Point) -> bool {
        self.value.total_cmp(&other.value).then(self.at.cmp(&other.at)).is_lt()
    }

    fn is_before(&self, other: &Point) -> bool {
        self.at.cmp(&other.at).then(self.value.total_cmp(&other.value)).is_lt()
    }
}

/// What is there besides finite numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odd {
    pub nan: u64,
    pub infinite: u64,
    pub negative_infinite: u64,
    /// NULL, a text, a blob.
    pub no_number: u64,
}

impl Odd {
    pub fn total(&self) -> u64 {
        self.nan + self.infinite + self.negative_infinite + self.no_number
    }
}

impl Odd {
    /// What a value that is no finite number is called.
    pub fn name(value: Option<f64>) -> Option<&'static str> {
        match value {
            None => Some("not a number"),
            Some(value) if value.is_nan() => Some("NaN"),
            Some(f64::INFINITY) => Some("+∞"),
            Some(f64::NEG_INFINITY) => Some("−∞"),
            Some(_) => None,
        }
    }
}

/// The value that comes last, finite or not.
#[derive(Clone, Copy, Debug)]
struct Latest {
    at: i64,
    /// What decides between values in one place.
    tie: i64,
    value: Option<f64>,
}

impl Latest {
    fn is_before(&self, other: &Latest) -> bool {
        // A NaN stands as 0 where it is stored beside a flag.
        let weight = |value: Option<f64>| value.filter(|value| !value.is_nan()).unwrap_or(0.0);
        let by_value = || weight(self.value).total_cmp(&weight(other.value));
        self.at.cmp(&other.at).then(self.tie.cmp(&other.tie)).then_with(by_value).is_lt()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    low: Option<Point>,
    high: Option<Point>,
    /// The first position at which there is no finite number.
    gap: Option<i64>,
}

impl Bucket {
    fn take(&mut self, other: &Bucket) {
        let lower = |a: Option<Point>, b: Option<Point>| match (a, b) {
            (Some(a), Some(b)) => Some(if b.is_lower(&a) { b } else { a }),
            (a, b) => a.or(b),
        };
        let higher = |a: Option<Point>, b: Option<Point>| match (a, b) {
            (Some(a), Some(b)) => Some(if a.is_lower(&b) { b } else { a }),
            (a, b) => a.or(b),
        };
        self.low = lower(self.low, other.low);
        self.high = higher(self.high, other.high);
        self.gap = match (self.gap, other.gap) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

/// The curve of one metric of one run.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    buckets: BTreeMap<i64, Bucket>,
    /// The width of the buckets, as a power of two.
    shift: u32,
    first: Option<Point>,
    last: Option<Point>,
    latest: Option<Latest>,
    /// All values, finite or not.
    pub count: u64,
    pub odd: Odd,
}

impl Curve {
    /// Takes a value; whether there is a bucket more. Of values in one place that with the highest `tie` is the last.
    pub fn add(&mut self, at: i64, tie: i64, value: Option<f64>) -> bool {
        self.count += 1;
        let latest = Latest { at, tie, value };
        if self.latest.is_none_or(|before| before.is_before(&latest)) {
            self.latest = Some(latest);
        }
        let finite = value.filter(|value| value.is_finite());
        let bucket = match finite {
            Some(value) => {
                let point = Point { at, value };
                if self.first.is_none_or(|first| point.is_before(&first)) {
                    self.first = Some(point);
                }
                if self.last.is_none_or(|last| last.is_before(&point)) {
                    self.last = Some(point);
                }
                Bucket { low: Some(point), high: Some(point), gap: None }
            }
            None => {
                match value {
                    None => self.odd.no_number += 1,
                    Some(value) if value.is_nan() => self.odd.nan += 1,
                    Some(value) if value > 0.0 => self.odd.infinite += 1,
                    Some(_) => self.odd.negative_infinite += 1,
                }
                Bucket { gap: Some(at), ..Bucket::default() }
            }
        };
        let before = self.buckets.len();
        self.buckets.entry(at >> self.shift).or_default().take(&bucket);
        self.buckets.len() > before
    }

    /// How many buckets there are.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Makes the buckets wider until there are at most so many, but one.
    pub fn shrink(&mut self, most: usize) {
        while self.buckets.len() > most.max(1) && self.shift < i64::BITS - 1 {
            self.shift += 1;
            let mut wider: BTreeMap<i64, Bucket> = BTreeMap::new();
            for (key, bucket) in std::mem::take(&mut self.buckets) {
                wider.entry(key >> 1).or_default().take(&bucket);
            }
            self.buckets = wider;
        }
    }

    /// The points to draw, by position: of each bucket the lowest, the highest, and `None` where there is no number; and the first and last
    /// of all.
    pub fn points(&self) -> Vec<(i64, Option<f64>)> {
        let mut points: Vec<Point> = Vec::with_capacity(2 * self.buckets.len() + 2);
        points.extend(self.buckets.values().flat_map(|bucket| [bucket.low, bucket.high]).flatten());
        points.extend(self.first.into_iter().chain(self.last));
        let mut all: Vec<(i64, Option<f64>)> = points.into_iter().map(|point| (point.at, Some(point.value))).collect();
        all.extend(self.buckets.values().filter_map(|bucket| Some((bucket.gap?, None))));
        let bits = |value: &Option<f64>| value.map(f64::to_bits);
        all.sort_by(|a, b| {
            let by_value = || a.1.unwrap_or(f64::NAN).total_cmp(&b.1.unwrap_or(f64::NAN));
            a.0.cmp(&b.0).then_with(by_value)
        });
        all.dedup_by(|a, b| a.0 == b.0 && bits(&a.1) == bits(&b.1));
        all
    }

    /// The last value, or the last that is finite.
    pub fn last(&self) -> Option<f64> {
        let latest = self.latest.and_then(|latest| latest.value).filter(|value| value.is_finite());
        latest.or(self.last.map(|point| point.value))
    }

    /// What the very last value is, if it is no finite number.
    pub fn end(&self) -> Option<&'static str> {
        Odd::name(self.latest?.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Curve;

    fn curve(values: &[(i64, f64)], most: usize) -> Curve {
        let mut curve = Curve::default();
        for (at, value) in values {
            curve.add(*at, 0, Some(*value));
            curve.shrink(most);
        }
        curve
    }

    #[test]
    fn few_values_are_all_there() {
        let curve = curve(&[(3, 1.5), (1, -2.0), (2, f64::NAN), (i64::MIN, 0.0), (i64::MAX, 7.0)], 8);
        let wanted = [(i64::MIN, Some(0.0)), (1, Some(-2.0)), (2, None), (3, Some(1.5)), (i64::MAX, Some(7.0))];
        assert_eq!(curve.points(), wanted);
        assert_eq!((curve.count, curve.odd.nan, curve.odd.total()), (5, 1, 1));
    }

    #[test]
    fn one_bucket_of_everything_still_has_both_extremes_and_both_ends() {
        let values: Vec<(i64, f64)> =
            (0..1000).map(|at| (at * 7, if at == 400 { 9.0 } else { 1.0 / at as f64 })).collect();
        let curve = curve(&values[1..], 1);
        let points = curve.points();
        assert!(points.contains(&(2800, Some(9.0))) && points.contains(&(6993, Some(1.0 / 999.0))));
        assert_eq!(points.first(), Some(&(7, Some(1.0))));
        assert!(points.len() <= 4, "{points:?}");
    }

    proptest! {
        /// Of any stretch that the buckets can tell apart, both extremes are there; every point is one of the values; the counts add up; and
        /// the order in which values come does not matter.
        #[test]
        fn extremes_stay_and_counts_add_up(
            values in prop::collection::vec((-5000i64..5000, prop_oneof![8 => -1e3f64..1e3, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)]), 1..400),
            most in 1usize..64,
        ) {
            let made = curve(&values, most);
            prop_assert_eq!(made.count, values.len() as u64);
            let finite: Vec<_> = values.iter().filter(|(_, value)| value.is_finite()).collect();
            prop_assert_eq!(made.odd.total() + finite.len() as u64, values.len() as u64);
            // Positions below and above zero are never of one bucket.
            prop_assert!(made.len() <= most.max(2));
            let points = made.points();
            prop_assert!(points.is_sorted_by_key(|point| point.0));
            for (at, value) in &points {
                let there = values.iter().any(|(other, found)| other == at && match value {
                    Some(value) => value.to_bits() == found.to_bits(),
                    None => !found.is_finite(),
                });
                prop_assert!(there, "{} {:?}", at, value);
            }
            for (at, _) in &values {
                let bucket = at >> made.shift;
                let within: Vec<f64> = finite.iter().filter(|(at, _)| at >> made.shift == bucket).map(|(_, value)| *value).collect();
                for extreme in [within.iter().copied().reduce(f64::min), within.iter().copied().reduce(f64::max)] {
                    prop_assert!(points.iter().any(|(at, value)| at >> made.shift == bucket && *value == extreme) || extreme.is_none());
                }
                let gap = values.iter().any(|(at, value)| at >> made.shift == bucket && !value.is_finite());
                prop_assert_eq!(gap, points.iter().any(|(at, value)| at >> made.shift == bucket && value.is_none()));
            }
            let reversed: Vec<_> = values.iter().rev().copied().collect();
            prop_assert_eq!(points, curve(&reversed, most).points());
        }
    }
}
