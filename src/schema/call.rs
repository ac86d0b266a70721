//! The calls that need rules of the family, so that a family can lack them.

/// A call that needs rules of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Digest,
    Compare,
    Validate,
    Migrate,
    Export,
    Import,
    Transform,
    Widen,
    Metrics,
    Report,
    SnapshotOnServer,
    BringIn,
    Stage,
}

impl Call {
    /// What a message calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Call::Digest => "digesting an experiment",
            Call::Compare => "comparing experiments",
            Call::Validate => "validating",
            Call::Migrate => "migrating an experiment",
            Call::Export => "exporting an experiment",
            Call::Import => "importing an experiment",
            Call::Transform => "transforming metrics",
            Call::Widen => "widening columns",
            Call::Metrics => "reading metrics as columns",
            Call::Report => "a page of an experiment",
            Call::Stage => "copying in stages",
            Call::BringIn => "bringing runs of other trackers in",
            Call::SnapshotOnServer => "making or restoring a snapshot of a server's schema",
        }
    }
}
