//! The values of options that name one of several choices, and an experiment of a database.

use clap::ValueEnum;
use expmig::{OnConflict, OnDuplicate, OnName, Strategy};

/// An experiment of a database: DATABASE#ID.
#[derive(Clone, Debug)]
pub struct Place {
    pub database: String,
    pub experiment: i64,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let (database, id) = text.rsplit_once('#').ok_or("give DATABASE#ID, as in experiments.db#3")?;
        let experiment = id.parse().map_err(|_| format!("{id:?} after # is not the id of an experiment"))?;
        Ok(Place { database: database.to_owned(), experiment })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SectionName {
    ForeignKeys,
    MetricJson,
    Hierarchy,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StrategyName {
    /// Any error in the source, or warning about the experiment, stops the copy; digests must be equal
    Conservative,
    /// Unsound rows stop the copy, odd values are warnings; digests must be equal
    Balanced,
    /// Rows that cannot be copied are left out, counted and listed; row counts must be equal
    Aggressive,
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Strategy {
        match name {
            StrategyName::Conservative => Strategy::Conservative,
            StrategyName::Balanced => Strategy::Balanced,
            StrategyName::Aggressive => Strategy::Aggressive,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Duplicate {
    /// Copy it again, with a warning
    Copy,
    /// Write nothing, and print the id of that experiment
    Skip,
    /// Fail
    Error,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Conflict {
    /// Fail
    Error,
    /// Leave what has the same content in the experiment that is appended to
    Skip,
    /// Give the copy a new id
    New,
}

impl From<Conflict> for OnConflict {
    fn from(name: Conflict) -> OnConflict {
        match name {
            Conflict::Error => OnConflict::Error,
            Conflict::Skip => OnConflict::Skip,
            Conflict::New => OnConflict::New,
        }
    }
}

/// Of runs that are brought in, which keep their ids.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RunConflict {
    /// Fail
    Error,
    /// Leave the run out, and count it
    Skip,
}

impl From<RunConflict> for OnConflict {
    fn from(name: RunConflict) -> OnConflict {
        match name {
            RunConflict::Error => OnConflict::Error,
            RunConflict::Skip => OnConflict::Skip,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum NameTaken {
    /// Put " (2)" and so on behind that of the new one
    Suffix,
    /// Fail
    Error,
    /// Add to that experiment
    Append,
}

impl From<NameTaken> for OnName {
    fn from(name: NameTaken) -> OnName {
        match name {
            NameTaken::Suffix => OnName::Suffix,
            NameTaken::Error => OnName::Error,
            NameTaken::Append => OnName::Append,
        }
    }
}

impl From<Duplicate> for OnDuplicate {
    fn from(name: Duplicate) -> OnDuplicate {
        match name {
            Duplicate::Copy => OnDuplicate::Copy,
            Duplicate::Skip => OnDuplicate::Skip,
            Duplicate::Error => OnDuplicate::Error,
        }
    }
}
