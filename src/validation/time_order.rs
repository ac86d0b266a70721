//! Checks the order of times: start before update, and children within their parents.

use super::issue::IssueKind;
use super::value_checks::timestamp;
use crate::schema::Column;
use crate::values::ValueRef;

/// From when to when something was, in microseconds. Kept for every run, hence small.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: i64,
    end: i64,
}

impl Span {
    /// A time that is not known; no timestamp is so early.
    const UNKNOWN: i64 = i64::MIN;

    fn new(start: Option<i64>, end: Option<i64>) -> Span {
        Span { start: start.unwrap_or(Span::UNKNOWN), end: end.unwrap_or(Span::UNKNOWN) }
    }

    fn start(self) -> Option<i64> {
        (self.start != Span::UNKNOWN).then_some(self.start)
    }

    fn end(self) -> Option<i64> {
        (self.end != Span::UNKNOWN).then_some(self.end)
    }
}

impl Default for Span {
    fn default() -> Span {
        Span::new(None, None)
    }
}

/// One time of a row: its column and what is in it.
pub type Time<'r> = (&'static Column, ValueRef<'r>);

/// Checks the times of a row, `start_time` and `update_time` or only one, against each other and against those of its parent. What
/// is wrong is handed over with a text that continues the column's name; a value that is no timestamp is not.
pub fn check_times<'r>(
    times: impl Iterator<Item = Time<'r>>,
    parent: Span,
    mut found: impl FnMut(IssueKind, Time<'r>, String),
) -> Span {
    let mut known = [None, None];
    for (at, (time, slot)) in times.zip(known.iter_mut()).enumerate() {
        *slot = timestamp(time.1).map(|when| (when, time));
        if let Some((when, time)) = *slot
            && let Some(what) = outside(when, at == 0, parent)
        {
            found(IssueKind::ChildOutsideParent, time, format!("{} {what}", time.1.describe()));
        }
    }
    let [start, end] = known;
    if let (Some((began, _)), Some((updated, time))) = (start, end)
        && updated < began
    {
        found(IssueKind::TimestampsBackwards, time, format!("{} is before the start", time.1.describe()));
    }
    Span::new(start.map(|(when, _)| when), end.map(|(when, _)| when))
}

/// Whether a time is before or after those of the parent. An update before the parent's start is one before the row's own, or the
/// row's start says it. The tracking application often leaves a row's update_time at its start: then it says nothing about the end.
fn outside(time: i64, first: bool, parent: Span) -> Option<&'static str> {
    let start = parent.start()?;
    if first && time < start {
        return Some("is before the start of what it belongs to");
    }
    let end = parent.end()?;
    (end > start && time > end).then_some("is after the last update of what it belongs to")
}
