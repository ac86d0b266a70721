//! The account of what is brought in: whatever a reader finds is stored, folded into something else by a rule, put into the sidecar, or refused, and all of
//! that is counted. If the sums do not agree the import fails.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::error::{Domain, Error, Result};

/// So many sources are listed one by one; what more there are is one entry together.
const LISTED: usize = 10_000;

/// Which clock the times of a source are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The format says so.
    Known,
    /// The format leaves it open, and the caller, or a rule, said it.
    Assumed,
    /// Some of each.
    Mixed,
}

impl Clock {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Clock::Known => "known",
            Clock::Assumed => "assumed",
            Clock::Mixed => "mixed",
        }
    }
}

/// Counts by the name of a rule.
pub type Rules = BTreeMap<&'static str, u64>;

/// What became of things of one sort.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub read: u64,
    pub stored: u64,
    /// Not stored for themselves, because something else says the same or takes their place.
    pub folded: Rules,
    /// Kept beside the target, by kind.
    pub sidecar: Rules,
    /// Neither, by reason.
    pub refused: Rules,
}

impl Tally {
    /// How many there are of all that became something.
    fn accounted(&self) -> u64 {
        let sums = [&self.folded, &self.sidecar, &self.refused].map(|rules| rules.values().sum::<u64>());
        self.stored + sums.iter().sum::<u64>()
    }

    /// Counts some that were folded.
    pub fn fold(&mut self, rule: &'static str, count: u64) {
        note(&mut self.folded, rule, count);
    }

    /// Counts one that was refused.
    pub fn refuse(&mut self, rule: &'static str) {
        note(&mut self.refused, rule, 1);
    }

    fn add(&mut self, other: &Tally) {
        self.read += other.read;
        self.stored += other.stored;
        for (into, from) in [
            (&mut self.folded, &other.folded),
            (&mut self.sidecar, &other.sidecar),
            (&mut self.refused, &other.refused),
        ] {
            from.iter().for_each(|(rule, count)| note(into, rule, *count));
        }
    }

    fn to_json(&self) -> Json {
        json!({
            "read": self.read, "stored": self.stored, "folded": self.folded, "sidecar": self.sidecar, "refused": self.refused,
        })
    }
}

/// Adds to the count of a rule.
pub fn note(rules: &mut Rules, rule: &'static str, count: u64) {
    if count > 0 {
        *rules.entry(rule).or_default() += count;
    }
}

/// The account of one source: a file, or the folder of a run where that has a file for every key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its path, from where the reader began.
    pub name: String,
    pub bytes: u64,
    /// Points of metrics.
    pub points: Tally,
    /// Everything else that has a value: params, tags, datasets, links, records of other kinds.
    pub values: Tally,
    /// Values that were stored in another form, by rule: an infinity as the greatest number, a key without what the target refuses.
    pub adjusted: Rules,
    /// Where the source breaks off, if it does.
    pub torn: Option<String>,
    /// Whether the source does not say that it is complete.
    pub unfinished: bool,
}

impl Source {
    fn to_json(&self) -> Json {
        json!({
            "source": self.name, "bytes": self.bytes, "points": self.points.to_json(), "values": self.values.to_json(),
            "adjusted": self.adjusted, "torn": self.torn, "unfinished": self.unfinished,
        })
    }
}

/// The account of an import.
#[derive(Clone, Debug)]
pub struct Account {
    /// The sources, in the order in which they were read.
    pub sources: Vec<Source>,
    /// Those that are not listed for themselves.
    others: Source,
    not_listed: u64,
    /// What the tool that wrote the source leaves out or replaces before it writes.
    pub never_written: &'static [&'static str],
    pub clock: Clock,
}

impl Account {
    pub fn new(never_written: &'static [&'static str], clock: Clock) -> Account {
        Account { sources: Vec::new(), others: Source::default(), not_listed: 0, never_written, clock }
    }

    /// Takes the account of one source; fails if its sums do not agree.
    pub fn close(&mut self, source: Source) -> Result<()> {
        for (what, tally) in [("points", &source.points), ("values", &source.values)] {
            let accounted = tally.accounted();
            if tally.read != accounted {
                let message = format!("{} {what} were read, and {accounted} are accounted for", tally.read);
                return Err(Error::internal(Domain::ImportExport, message).detail("source", &source.name));
            }
        }
        if self.sources.len() < LISTED {
            self.sources.push(source);
            return Ok(());
        }
        self.not_listed += 1;
        add(&mut self.others, &source);
        Ok(())
    }

    /// All sources together.
    pub fn total(&self) -> Source {
        let mut total = self.others.clone();
        self.sources.iter().for_each(|source| add(&mut total, source));
        total
    }

    /// How many sources break off, and how many do not say that they are complete.
    pub fn torn_and_unfinished(&self) -> (usize, usize) {
        let torn = self.sources.iter().filter(|source| source.torn.is_some()).count();
        (torn, self.sources.iter().filter(|source| source.unfinished).count())
    }

    /// The account as a JSON object.
    pub fn to_json(&self) -> Json {
        let total = self.total();
        let (torn, unfinished) = self.torn_and_unfinished();
        let sources: Vec<Json> = self.sources.iter().map(Source::to_json).collect();
        json!({
            "bytes": total.bytes,
            "points": total.points.to_json(),
            "values": total.values.to_json(),
            "adjusted": total.adjusted,
            "torn": torn,
            "unfinished": unfinished,
            "clock": self.clock.name(),
            "never_written": self.never_written,
            "sources": sources,
            "sources_not_listed": self.not_listed,
        })
    }
}

/// Adds the counts of one source to another's.
fn add(into: &mut Source, from: &Source) {
    into.bytes += from.bytes;
    into.points.add(&from.points);
    into.values.add(&from.values);
    from.adjusted.iter().for_each(|(rule, count)| note(&mut into.adjusted, rule, *count));
}
