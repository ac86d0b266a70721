//! Transformations that callers register under names of their own.

use super::BUILT_IN_NAMES;
use super::metric::{Metric, Outcome};
use crate::error::{Domain, Error, Result, Status};
use crate::registry::Registry;

/// A registered transformation: a function of a metric and of the rule's parameters, which are the text of a JSON object. An error ends the
/// whole transformation; [`Outcome::Failed`] fails one metric.
pub type TransformFn = Box<dyn Fn(&Metric, &str) -> Result<Outcome> + Send + Sync>;

/// The transformations of a manager that are not built in.
pub struct Transformations(Registry<TransformFn>);

impl Default for Transformations {
    fn default() -> Transformations {
        Transformations(Registry::new("transformation", Domain::Transformation))
    }
}

impl Transformations {
    /// Adds one.
    pub fn register(&self, name: &str, transform: TransformFn) -> Result<()> {
        if BUILT_IN_NAMES.contains(&name) {
            let message = format!("the transformation {name:?} is built in");
            return Err(Error::new(Status::AlreadyExists, Domain::Transformation, message)
                .detail("transformation", name)
                .hint("choose another name"));
        }
        self.0.register(name, transform)
    }

    /// Removes one.
    pub fn unregister(&self, name: &str) -> Result<()> {
        self.0.unregister(name)
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.find(name).is_some()
    }

    /// One that stays as it is, whatever happens to the list meanwhile.
    pub(super) fn get(&self, name: &str) -> Result<impl Fn(&Metric, &str) -> Result<Outcome> + use<>> {
        let Some(found) = self.0.find(name) else {
            let message = format!("there is no transformation named {name:?} any more");
            return Err(Error::new(Status::NotFound, Domain::Transformation, message)
                .detail("transformation", name)
                .hint("it was unregistered while the rules were read"));
        };
        Ok(move |metric: &Metric, params: &str| (found.value)(metric, params))
    }
}
