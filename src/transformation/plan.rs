//! The steps of one call of a transformation, and the settings for checking and undoing it.

use serde::Serialize;
use serde_json::value::RawValue;

use super::registered::Transformations;
use super::rules::{Rule, Rules, Settings};
use super::steps::{Apply, Step, Steps};
use crate::error::{Domain, Error, Result};

/// What is done, and how it is made safe.
pub struct Plan {
    pub steps: Steps<'static>,
    /// Says what the rules are, as JSON; for the undo log.
    pub description: String,
    pub settings: Settings,
}

/// A rule, for documents.
#[derive(Serialize)]
struct Described<'r> {
    metric_type: Option<std::borrow::Cow<'r, str>>,
    transformation: &'r str,
    params: &'r RawValue,
}

impl Plan {
    /// Reads a rules document: `{"metric_transformations": [...], "global_settings": {...}}`, or the bare list.
    pub fn parse(rules: &str, registered: &Transformations) -> Result<Plan> {
        Plan::new(&Rules::parse(rules, &|name| registered.has(name))?, registered)
    }

    /// One transformation of the metrics of all types.
    pub fn single(name: &str, params: Option<&str>, registered: &Transformations) -> Result<Plan> {
        Plan::new(&Rules::single(name, params, &|name| registered.has(name))?, registered)
    }

    fn new(rules: &Rules, registered: &Transformations) -> Result<Plan> {
        let steps = rules.rules.iter().map(|rule| step(rule, registered)).collect::<Result<_>>()?;
        Ok(Plan { steps: Steps::new(steps), description: describe(rules)?, settings: rules.settings })
    }
}

fn step(rule: &Rule, registered: &Transformations) -> Result<Step<'static>> {
    let apply: Apply<'static> = match rule.transform() {
        Some(mut built_in) => Box::new(move |metric| Ok(built_in.apply(metric))),
        None => {
            let (transform, params) = (registered.get(&rule.name)?, rule.params.clone());
            Box::new(move |metric| transform(metric, &params))
        }
    };
    Ok(Step { metric_type: rule.metric_type.clone(), name: rule.name.clone(), apply })
}

fn describe(rules: &Rules) -> Result<String> {
    let wrong = |error: serde_json::Error| {
        Error::internal(Domain::Transformation, format!("the rules cannot be written down: {error}"))
    };
    let mut described = Vec::with_capacity(rules.rules.len());
    for rule in &rules.rules {
        described.push(Described {
            metric_type: rule.metric_type.as_deref().map(String::from_utf8_lossy),
            transformation: &rule.name,
            params: serde_json::from_str(&rule.params).map_err(wrong)?,
        });
    }
    serde_json::to_string(&described).map_err(wrong)
}
