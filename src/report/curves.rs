//! One curve for each run, type of metric, place and label, within the bounds of a page.

use std::collections::HashMap;

use super::curve::Curve;

/// Names, each once, in the order in which they came, up to a number.
#[derive(Debug, Default)]
pub struct Names {
    list: Vec<String>,
    places: HashMap<String, u32>,
}

impl Names {
    /// The place of a name; `None` if there are too many.
    pub fn place(&mut self, name: &str, most: usize) -> Option<u32> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        let place = u32::try_from(self.list.len()).ok().filter(|place| (*place as usize) < most)?;
        self.list.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        Some(place)
    }

    pub fn list(&self) -> &[String] {
        &self.list
    }
}

/// On what a metric hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    Result,
    Epoch,
    Batch,
    /// At a step, or a time, of the run itself.
    Step,
    Time,
}

impl Level {
    /// The name in the page's data.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Result => "result",
            Level::Epoch => "epoch",
            Level::Batch => "batch",
            Level::Step => "step",
            Level::Time => "time",
        }
    }
}

/// Which curve: of which experiment of the page and which of its runs, the type, where, and the label, if it is not the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub experiment: u32,
    pub run: u32,
    pub metric: u32,
    pub level: Level,
    pub label: Option<u32>,
}

/// Curves that share a number of buckets.
#[derive(Debug)]
pub struct Curves {
    curves: HashMap<Key, Curve>,
    most_curves: usize,
    most_buckets: usize,
    /// How many buckets one curve has at most.
    share: usize,
    buckets: usize,
    /// Values of curves that there was no room for.
    pub left_out: u64,
}

impl Curves {
    pub fn new(most_curves: usize, share: usize, most_buckets: usize) -> Curves {
        Curves { curves: HashMap::new(), most_curves, most_buckets, share, buckets: 0, left_out: 0 }
    }

    /// Takes a value of a curve; `None` is no number. Of values in one place that with the highest `tie` is the last.
    pub fn add(&mut self, key: Key, (at, tie): (i64, i64), value: Option<f64>) {
        if self.curves.len() >= self.most_curves && !self.curves.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        let curve = self.curves.entry(key).or_default();
        if !curve.add(at, tie, value) {
            return;
        }
        self.buckets += 1;
        if curve.len() > self.share {
            let before = curve.len();
            curve.shrink(self.share);
            self.buckets -= before - curve.len();
        }
        while self.buckets > self.most_buckets && self.share > 1 {
            self.share /= 2;
            let share = self.share;
            self.curves.values_mut().for_each(|curve| curve.shrink(share));
            self.buckets = self.curves.values().map(Curve::len).sum();
        }
    }

    /// All of them, in the order of their keys.
    pub fn sorted(&self) -> Vec<(&Key, &Curve)> {
        let mut all: Vec<_> = self.curves.iter().collect();
        all.sort_by_key(|(key, _)| **key);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Curves, Key, Level, Names};

    fn key(run: u32) -> Key {
        Key { experiment: 0, run, metric: 0, level: Level::Epoch, label: None }
    }

    #[test]
    fn all_curves_together_keep_to_the_number_of_buckets_and_lose_no_extreme() {
        let mut curves = Curves::new(100, 64, 300);
        for at in 0..1000 {
            for run in 0..20 {
                let value = if at == 777 { f64::from(run) + 1000.0 } else { f64::from(run) };
                curves.add(key(run), (at, 0), Some(value));
            }
        }
        let all = curves.sorted();
        assert!(all.iter().map(|(_, curve)| curve.len()).sum::<usize>() <= 300);
        for (key, curve) in all {
            assert_eq!(curve.count, 1000);
            assert!(curve.points().contains(&(777, Some(f64::from(key.run) + 1000.0))), "{key:?}");
        }
    }

    #[test]
    fn values_of_curves_too_many_are_counted() {
        let mut curves = Curves::new(3, 64, 300);
        (0..10).for_each(|run| curves.add(key(run), (0, 0), Some(1.0)));
        assert_eq!((curves.sorted().len(), curves.left_out), (3, 7));
        let mut names = Names::default();
        assert_eq!([names.place("a", 2), names.place("b", 2), names.place("c", 2)], [Some(0), Some(1), None]);
        assert_eq!((names.place("b", 2), names.list().len()), (Some(1), 2));
    }
}
