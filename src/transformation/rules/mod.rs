//! The rules document: which transformations apply to which metrics.
//!
//! [`Rules::parse`] trusts nothing: `strict_json` refuses text that is not JSON, `node` reads values and names the path of what is wrong,
//! and each built-in transformation reads its own parameters. Nothing here looks at a database.

mod node;
mod path;
mod strict_json;

use super::built_in::{BuiltIn, NAMES};
use super::metric::Transform;
use super::near_miss::did_you_mean;
use crate::error::{Domain, Error, Result, Status};
use crate::values::json::Shape;

pub(crate) use node::Node;

/// The largest rules document, in bytes.
pub const MAX_RULES_SIZE: usize = 2 << 20;

const TRANSFORMATIONS: &str = "metric_transformations";
const SETTINGS: &str = "global_settings";
const EMPTY: &str = "{}";

/// The rules for one call, checked.
#[derive(Clone, Debug)]
pub struct Rules {
    /// In the order in which they are applied.
    pub rules: Vec<Rule>,
    pub settings: Settings,
}

/// How the rules are applied; everything is on unless the document says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Keep the old cells of the changed rows, so that the transformation can be undone.
    pub backup_original: bool,
    /// Check the changed rows.
    pub validate_after_transform: bool,
    /// Change all metrics or none.
    pub rollback_on_error: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { backup_original: true, validate_after_transform: true, rollback_on_error: true }
    }
}

/// One transformation of the metrics of one type.
#[derive(Clone, Debug)]
pub struct Rule {
    /// METRIC.type, compared byte for byte; `None` for every type.
    pub metric_type: Option<Vec<u8>>,
    /// The transformation's name.
    pub name: String,
    /// Its parameters: a JSON object, as it was written.
    pub params: String,
    pub kind: RuleKind,
}

/// Who transforms.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// This library.
    BuiltIn(BuiltIn),
    /// What the caller registered under the rule's name.
    Registered,
}

impl Rule {
    /// The transformation, ready to be applied; `None` if it is a registered one.
    pub fn transform(&self) -> Option<Box<dyn Transform>> {
        match &self.kind {
            RuleKind::BuiltIn(built_in) => Some(built_in.transform()),
            RuleKind::Registered => None,
        }
    }
}

impl Rules {
    /// Reads a rules document: the object of the specification, `metric_transformations` and `global_settings`, or the bare list of
    /// transformations. `registered` answers whether the caller registered a transformation of that name.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for everything that is wrong, with the JSON path in the detail `path`, and the byte in the detail `offset`
    /// if it is no JSON; LIMIT for more than [`MAX_RULES_SIZE`] bytes.
    pub fn parse<T: AsRef<[u8]> + ?Sized>(text: &T, registered: &dyn Fn(&str) -> bool) -> Result<Rules> {
        let root = open(text.as_ref(), "transformation_rules")?;
        if root.shape() == Shape::Array {
            return Ok(Rules { rules: rules(&root, registered)?, settings: Settings::default() });
        }
        if root.shape() != Shape::Object {
            return Err(root
                .error(format_args!("is {}, not an object", root.shape().describe()))
                .hint(format!("the rules are an object with the key {TRANSFORMATIONS:?}, or the list alone")));
        }
        let fields = root.fields(&[TRANSFORMATIONS, SETTINGS])?;
        let list = fields.required(TRANSFORMATIONS)?;
        let settings = fields.get(SETTINGS).map_or(Ok(Settings::default()), |node| settings(&node))?;
        Ok(Rules { rules: rules(&list, registered)?, settings })
    }

    /// One transformation for metrics of every type, with the default settings. `params` is a JSON object; none is `{}`.
    ///
    /// # Errors
    /// As [`Rules::parse`]; paths begin at the parameters.
    pub fn single(name: &str, params: Option<&str>, registered: &dyn Fn(&str) -> bool) -> Result<Rules> {
        let kind = recognise(name, registered)
            .map_err(|hint| Error::argument(Domain::Transformation, "transformation_type", unknown(name)).hint(hint))?;
        let params = open(params.unwrap_or(EMPTY).as_bytes(), "transformation_params")?;
        let rule = rule(None, name.to_owned(), kind, Some(params.clone()), &params)?;
        Ok(Rules { rules: vec![rule], settings: Settings::default() })
    }
}

/// What a name stands for.
enum Named {
    BuiltIn(super::built_in::Reader),
    Registered,
}

/// Fails with a hint.
fn recognise(name: &str, registered: &dyn Fn(&str) -> bool) -> std::result::Result<Named, String> {
    if let Some(reader) = BuiltIn::reader(name) {
        return Ok(Named::BuiltIn(reader));
    }
    if registered(name) {
        return Ok(Named::Registered);
    }
    let known = NAMES;
    Err(format!(
        "{}built in are: {}; others must be registered first",
        did_you_mean(name, known.iter().copied()),
        known.join(", ")
    ))
}

fn unknown(name: &str) -> String {
    format!("there is no transformation named {}", crate::values::ValueRef::Text(name.as_bytes()).describe())
}

fn open<'a>(text: &'a [u8], parameter: &'static str) -> Result<Node<'a>> {
    if text.len() > MAX_RULES_SIZE {
        let message = format!("the rules have {} bytes; {MAX_RULES_SIZE} is the most", text.len());
        return Err(Error::new(Status::Limit, Domain::Transformation, message)
            .detail("path", path::ROOT)
            .detail("parameter", parameter)
            .hint("split the rules into several calls"));
    }
    Node::root(text)
}

fn rules(list: &Node<'_>, registered: &dyn Fn(&str) -> bool) -> Result<Vec<Rule>> {
    let entries = list.elements()?;
    if entries.is_empty() {
        // Whoever gives rules means something by them.
        let hint = "name at least one transformation; to change nothing, leave the rules out";
        return Err(list.error("has no transformation in it").hint(hint));
    }
    entries.iter().map(|entry| entry_rule(entry, registered)).collect()
}

fn entry_rule(entry: &Node<'_>, registered: &dyn Fn(&str) -> bool) -> Result<Rule> {
    let fields = entry.fields(&["metric_type", "transformation", "rules", "params"])?;
    let metric_type = fields.required("metric_type")?.string()?.into_bytes();
    let name_node = fields.required("transformation")?;
    let name = name_node.string()?;
    let kind = recognise(&name, registered)
        .map_err(|hint| name_node.error(format_args!("is unknown: {}", unknown(&name))).hint(hint))?;
    let (rules, params) = (fields.get("rules"), fields.get("params"));
    if let (Some(_), Some(params)) = (&rules, &params) {
        return Err(params.error("means the same as \"rules\", which is given too").hint("keep one of the two"));
    }
    let given = rules.or(params);
    let place = given.clone().unwrap_or_else(|| entry.absent("rules"));
    rule(Some(metric_type), name, kind, given, &place)
}

fn rule(
    metric_type: Option<Vec<u8>>,
    name: String,
    kind: Named,
    given: Option<Node<'_>>,
    place: &Node<'_>,
) -> Result<Rule> {
    let kind = match kind {
        Named::BuiltIn(read) => RuleKind::BuiltIn(read(place)?),
        Named::Registered => {
            place.members()?;
            RuleKind::Registered
        }
    };
    let params = given.map_or(EMPTY, |node| node.raw()).to_owned();
    Ok(Rule { metric_type, name, params, kind })
}

fn settings(node: &Node<'_>) -> Result<Settings> {
    let fields = node.fields(&["backup_original", "validate_after_transform", "rollback_on_error"])?;
    let read = |key: &str| fields.get(key).map_or(Ok(true), |value| value.boolean());
    Ok(Settings {
        backup_original: read("backup_original")?,
        validate_after_transform: read("validate_after_transform")?,
        rollback_on_error: read("rollback_on_error")?,
    })
}
