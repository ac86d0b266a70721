//! The rules of a transformation, in their order, and which of them match a metric.

use std::collections::HashMap;
use std::rc::Rc;

use super::metric::{Metric, Outcome};
use super::near_miss::near_misses;
use super::result::RuleCount;
use crate::error::Result;
use crate::values::ValueRef;

/// More types of metrics than this are compared with every rule anew, and not named in warnings.
const MOST_TYPES: usize = 4096;

/// What a rule does with a metric. An error ends the whole transformation.
pub type Apply<'r> = Box<dyn FnMut(&Metric) -> Result<Outcome> + 'r>;

/// One rule, ready to be applied.
pub struct Step<'r> {
    /// METRIC.type, to the letter; `None` for all metrics.
    pub metric_type: Option<Vec<u8>>,
    pub name: String,
    pub apply: Apply<'r>,
}

/// All of them.
pub struct Steps<'r> {
    steps: Vec<Step<'r>>,
    counts: Vec<(u64, u64)>,
    /// The steps that are for a type.
    types: HashMap<Vec<u8>, Rc<[usize]>>,
    /// The type that was asked for last: they mostly come in runs.
    last: Option<(Vec<u8>, Rc<[usize]>)>,
}

impl<'r> Steps<'r> {
    pub fn new(steps: Vec<Step<'r>>) -> Steps<'r> {
        let counts = vec![(0, 0); steps.len()];
        Steps { steps, counts, types: HashMap::new(), last: None }
    }

    /// The steps that are for metrics of this type.
    pub fn matching(&mut self, kind: ValueRef<'_>) -> Rc<[usize]> {
        let ValueRef::Text(name) = kind else {
            return self.of(None);
        };
        if let Some((_, known)) = self.last.as_ref().filter(|(last, _)| last == name) {
            return Rc::clone(known);
        }
        let found = match self.types.get(name) {
            Some(known) => Rc::clone(known),
            None => {
                let found = self.of(Some(name));
                if self.types.len() < MOST_TYPES {
                    self.types.insert(name.to_vec(), Rc::clone(&found));
                }
                found
            }
        };
        match &mut self.last {
            Some((last, steps)) => {
                last.clear();
                last.extend_from_slice(name);
                *steps = Rc::clone(&found);
            }
            None => self.last = Some((name.to_vec(), Rc::clone(&found))),
        }
        found
    }

    fn of(&self, name: Option<&[u8]>) -> Rc<[usize]> {
        let matches = |step: &Step<'_>| step.metric_type.as_deref().is_none_or(|wanted| name == Some(wanted));
        self.steps.iter().enumerate().filter(|(_, step)| matches(step)).map(|(at, _)| at).collect()
    }

    /// Applies one of them.
    pub fn apply(&mut self, at: usize, metric: &Metric) -> Result<Outcome> {
        if let Some((matched, _)) = self.counts.get_mut(at) {
            *matched += 1;
        }
        match self.steps.get_mut(at) {
            Some(step) => (step.apply)(metric),
            None => Ok(Outcome::Unchanged),
        }
    }

    /// Counts a metric that this step changed.
    pub fn changed(&mut self, at: usize) {
        if let Some((_, changed)) = self.counts.get_mut(at) {
            *changed += 1;
        }
    }

    /// The name of a step's transformation.
    pub fn name(&self, at: usize) -> &str {
        self.steps.get(at).map_or("", |step| &step.name)
    }

    /// Counts from the beginning.
    pub fn start(&mut self) {
        self.counts.fill((0, 0));
        self.types.clear();
        self.last = None;
    }

    /// What each did.
    pub fn counts(&self) -> Vec<RuleCount> {
        let readable = |name: &Vec<u8>| String::from_utf8_lossy(name).into_owned();
        let count = |(step, (matched, changed)): (&Step<'_>, &(u64, u64))| RuleCount {
            metric_type: step.metric_type.as_ref().map(readable),
            transformation: step.name.clone(),
            matched: *matched,
            changed: *changed,
        };
        self.steps.iter().zip(&self.counts).map(count).collect()
    }

    /// A warning for each type that no metric has, with the types that it may have been meant to be.
    pub fn warnings(&self) -> Vec<String> {
        let mut warned: Vec<&[u8]> = Vec::new();
        let mut warnings = Vec::new();
        let known: Vec<String> = self.types.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        for wanted in self.steps.iter().filter_map(|step| step.metric_type.as_deref()) {
            if warned.contains(&wanted) || self.types.contains_key(wanted) {
                continue;
            }
            warned.push(wanted);
            let wanted = String::from_utf8_lossy(wanted);
            let near = near_misses(&wanted, known.iter().map(String::as_str));
            let near: Vec<String> = near.iter().map(|name| format!("{name:?}")).collect();
            warnings.push(match near.is_empty() {
                true => format!("no metric of the selection has the type {wanted:?}"),
                false => format!("no metric of the selection has the type {wanted:?}; there is {}", near.join(", ")),
            });
        }
        warnings
    }
}
