//! The experiments and runs that readers find.

/// An experiment. Its id in the scratch database is negative, so that it is none of the target's.
pub struct NewExperiment<'a> {
    pub name: &'a str,
    pub artifact_location: Option<&'a str>,
    pub deleted: bool,
    pub creation_time: Option<i64>,
    pub last_update_time: Option<i64>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    Scheduled,
    Running,
    Finished,
    Failed,
    Killed,
}

impl RunStatus {
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Scheduled => "SCHEDULED",
            RunStatus::Running => "RUNNING",
            RunStatus::Finished => "FINISHED",
            RunStatus::Failed => "FAILED",
            RunStatus::Killed => "KILLED",
        }
    }
}

/// A run. Times are milliseconds since 1970.
pub struct NewRun<'a> {
    pub id: &'a str,
    pub experiment: i64,
    pub name: &'a str,
    pub user: Option<&'a str>,
    pub status: RunStatus,
    pub start_time: i64,
    pub end_time: Option<i64>,
    pub deleted: bool,
    pub deleted_time: Option<i64>,
    pub artifact_uri: Option<&'a str>,
    /// What `mlflow.source.type` says.
    pub source_type: &'a str,
    pub source_name: &'a str,
    pub entry_point: &'a str,
    pub source_version: &'a str,
}

impl<'a> NewRun<'a> {
    /// A run of which its files say no more than this. Nothing in them says that it has ended.
    pub fn begun(id: &'a str, experiment: i64, name: &'a str, start_time: i64) -> NewRun<'a> {
        NewRun {
            id,
            experiment,
            name,
            user: None,
            status: RunStatus::Running,
            start_time,
            end_time: None,
            deleted: false,
            deleted_time: None,
            artifact_uri: None,
            source_type: "LOCAL",
            source_name: "",
            entry_point: "",
            source_version: "",
        }
    }
}
