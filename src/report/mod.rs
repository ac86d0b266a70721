//! The page: experiments as one HTML file that needs nothing else, with their tree, curves, values, what validation found, and of two where
//! they first differ. The manager calls this room.
//!
//! Everything is read before anything is written, from one consistent state of each database, and what is kept of it is bounded, whatever
//! is there: `limits` has the bounds, and the page says how much of what it does not show. In order: `options` is what can be asked for;
//! `points` finds a value and its place in a row, `curve` keeps the shape of many values in a few, `curves` has one for each run and type;
//! `labels` reads what a metric says of single labels, `artifacts` lists files, `texts` params and tags; `gather` reads an experiment whose
//! keys are integers, `named` one whose keys are texts; `findings` is its validation;
//! `document` is all of it as JSON, `page` the file around that, and `run` puts it together. `assets/` holds what the browser runs: the
//! plotting library uPlot as its authors ship it, and the rest by hand.

mod artifacts;
mod curve;
mod curves;
mod document;
mod findings;
mod gather;
mod labels;
mod limits;
mod named;
mod options;
mod page;
mod points;
mod run;
mod texts;

pub(crate) use options::Subject;
pub use options::{ReportOptions, ReportResult, ReportedExperiment};
pub(crate) use run::report;
