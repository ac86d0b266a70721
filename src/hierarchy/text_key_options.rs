//! The options of a copy whose rows have keys that the tracker chose.

use crate::error::{Domain, Error, Result, Status};

/// What becomes of a row whose key, chosen by the tracker, the target has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The call fails, and names the first few.
    #[default]
    Error,
    /// It is left as it is there, if it has the same content and is in the experiment that is appended to; else the migration fails. Of runs that are
    /// brought in: it is left as it is there, and the run of the source is left out.
    Skip,
    /// Its copy gets a new key.
    New,
}

/// What becomes of a name that an experiment of the target has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnName {
    /// The copy gets the first free one of "name (2)" and so on.
    #[default]
    Suffix,
    /// The call fails.
    Error,
    /// The rows become that experiment's.
    Append,
}

/// Options for families whose keys are texts that the tracker chose. Others refuse what is not the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextKeyOptions {
    pub on_conflict: OnConflict,
    pub on_name: OnName,
    /// The workspace of the copy; that of the source if `None`.
    pub workspace: Option<String>,
    /// Where artifacts are: what begins with the first text begins with the second in the copy.
    pub artifacts: Option<(String, String)>,
}

impl TextKeyOptions {
    /// Fails where one was given for a database of a family that has no such keys.
    pub fn refuse(&self, tracker: &str, domain: Domain) -> Result<()> {
        let TextKeyOptions { on_conflict, on_name, workspace, artifacts } = self;
        let given = [
            ("on_conflict", *on_conflict != OnConflict::default()),
            ("on_name", *on_name != OnName::default()),
            ("workspace", workspace.is_some()),
            ("artifacts", artifacts.is_some()),
        ];
        let Some((option, _)) = given.iter().find(|(_, given)| *given) else { return Ok(()) };
        let message = format!("the option {option} has no meaning for a database of {tracker}");
        Err(Error::new(Status::Unsupported, domain, message)
            .detail("parameter", option)
            .hint("leave it out: it is for stores whose trackers choose the keys, such as MLflow's"))
    }
}
