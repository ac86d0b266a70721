//! The descriptions of experiments, runs, models and datasets: `meta.yaml`, as PyYAML writes it.

use std::borrow::Cow;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::error::{Domain, Error, Result, Status};

/// No description that MLflow writes is larger.
const MOST_BYTES: u64 = 64 << 20;
/// Nor nested deeper.
const DEEPEST: usize = 64;

/// One value of a description.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Null,
    Text(String),
    Map(Vec<(String, Item)>),
    List(Vec<Item>),
}

/// A description.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    items: Vec<(String, Item)>,
    path: std::path::PathBuf,
}

fn broken(path: &Path, why: &str) -> Error {
    Error::new(Status::Corrupt, Domain::ImportExport, format!("the description cannot be read: {why}"))
        .at(path)
        .hint("repair the file, or move the folder that it is in out of the way")
}

impl Meta {
    /// Reads one; `None` if there is no such file.
    pub fn read(path: &Path) -> Result<Option<Meta>> {
        let cannot = |error: &std::io::Error| {
            Error::from_io(Domain::ImportExport, "the description cannot be read", path, error)
        };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(&error)),
            Ok(found) if found.len() > MOST_BYTES => return Err(broken(path, "it is larger than 64 MiB")),
            Ok(_) => {}
        }
        let bytes = std::fs::read(path).map_err(|error| cannot(&error))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| broken(path, "it is not UTF-8"))?;
        Meta::parse(text, path).map(Some)
    }

    fn parse(text: &str, path: &Path) -> Result<Meta> {
        let mut events = Parser::new_from_str(text);
        let mut next = || match events.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(broken(path, &error.to_string())),
            None => Ok(Event::StreamEnd),
        };
        loop {
            match next()? {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::MappingStart(..) => {
                    let Item::Map(items) = map(&mut next, path, 0)? else { break };
                    return Ok(Meta { items, path: path.to_owned() });
                }
                _ => break,
            }
        }
        Err(broken(path, "it is no list of names and values"))
    }

    fn get(&self, key: &str) -> Option<&Item> {
        self.items.iter().find(|(name, _)| name == key).map(|(_, item)| item)
    }

    /// A text; `None` if it is not there, or null.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The first of some names under which there is a text that is not empty.
    pub fn first_text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.text(key).filter(|text| !text.is_empty()))
    }

    /// A number; `None` if it is not there, or null.
    pub fn number(&self, key: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(key) else { return Ok(None) };
        // Some versions wrote times with a fraction.
        let whole = text.parse::<i64>().ok().or_else(|| whole(text));
        whole.map(Some).ok_or_else(|| {
            broken(&self.path, &format!("{key} is {:?}, which is no number", crate::values::one_line(text, 40)))
        })
    }

    /// The names and values of a nested list.
    pub fn pairs(&self, key: &str) -> Vec<(&str, &str)> {
        let Some(Item::Map(items)) = self.get(key) else { return Vec::new() };
        let text = |item: &'_ Item| match item {
            Item::Text(_) => true,
            Item::Null | Item::Map(_) | Item::List(_) => false,
        };
        let texts = items.iter().filter(|(_, item)| text(item));
        texts.filter_map(|(name, item)| Some((name.as_str(), item.as_text()?))).collect()
    }

    /// What it has beside these names: those with a value.
    pub fn others(&self, known: &[&str]) -> Vec<&str> {
        let others = self.items.iter().filter(|(name, item)| !known.contains(&name.as_str()) && !item.is_empty());
        others.map(|(name, _)| name.as_str()).collect()
    }

    /// The error of a description that lacks something.
    pub fn lacks(&self, key: &str) -> Error {
        broken(&self.path, &format!("it does not say {key}"))
    }

    /// The error of a description in which something is not as it can be.
    pub fn odd(&self, key: &str) -> Error {
        broken(&self.path, &format!("{key} is none that MLflow writes"))
    }
}

impl Item {
    fn as_text(&self) -> Option<&str> {
        match self {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Item::Null => true,
            Item::Text(_) => false,
            Item::Map(items) => items.is_empty(),
            Item::List(items) => items.is_empty(),
        }
    }
}

/// A number without its fraction, where that loses no more than that.
fn whole(text: &str) -> Option<i64> {
    const TWO_53: f64 = 9_007_199_254_740_992.0;
    let number = text.parse::<f64>().ok().filter(|number| number.abs() < TWO_53)?;
    Some(number as i64)
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Item {
    match text.as_ref() {
        "null" | "~" | "" if style == ScalarStyle::Plain => Item::Null,
        _ => Item::Text(text.into_owned()),
    }
}

type NextEvent<'n, 'e> = &'n mut dyn FnMut() -> Result<Event<'e>>;

fn item(event: Event<'_>, next: NextEvent<'_, '_>, path: &Path, depth: usize) -> Result<Item> {
    match event {
        Event::Scalar(text, style, ..) => Ok(scalar(text, style)),
        Event::MappingStart(..) => map(next, path, depth + 1),
        Event::SequenceStart(..) => {
            if depth > DEEPEST {
                return Err(broken(path, "it is nested too deep"));
            }
            let mut items = Vec::new();
            loop {
                match next()? {
                    Event::SequenceEnd => return Ok(Item::List(items)),
                    other => items.push(item(other, next, path, depth + 1)?),
                }
            }
        }
        _ => Err(broken(path, "it has something that MLflow does not write")),
    }
}

fn map(next: NextEvent<'_, '_>, path: &Path, depth: usize) -> Result<Item> {
    if depth > DEEPEST {
        return Err(broken(path, "it is nested too deep"));
    }
    let mut items = Vec::new();
    loop {
        let name = match next()? {
            Event::MappingEnd => return Ok(Item::Map(items)),
            Event::Scalar(text, ..) => text.into_owned(),
            _ => return Err(broken(path, "it has something that MLflow does not write")),
        };
        let event = next()?;
        items.push((name, item(event, next, path, depth)?));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Meta;

    fn parse(text: &str) -> crate::error::Result<Meta> {
        Meta::parse(text, Path::new("meta.yaml"))
    }

    #[test]
    fn what_pyyaml_writes_is_read_as_it_was() {
        let meta = parse(
            "end_time: null\nname: 'it''s: \"all\"\n\n  of it'\nlong: one two\n  three\nuni: \"gr\\xF6\\xDFe \\u2603 \\U0001F600\"\n\
             tags: []\nn: -5\nempty: ''\nquoted: '123'\ntags2:\n  a: b\n  c: d\nt: 1700000000000.0\n",
        )
        .unwrap();
        assert_eq!(meta.text("end_time"), None);
        assert_eq!(meta.text("name"), Some("it's: \"all\"\nof it"));
        assert_eq!(meta.text("long"), Some("one two three"));
        assert_eq!(meta.text("uni"), Some("größe ☃ 😀"));
        assert_eq!(
            (meta.number("n").unwrap(), meta.text("empty"), meta.text("quoted")),
            (Some(-5), Some(""), Some("123"))
        );
        assert_eq!(meta.pairs("tags2"), [("a", "b"), ("c", "d")]);
        assert_eq!(meta.number("t").unwrap(), Some(1_700_000_000_000));
        assert_eq!(meta.others(&["name", "long", "uni", "n", "empty", "quoted", "t"]), ["tags2"]);
    }

    #[test]
    fn what_is_no_description_is_an_error_that_names_the_file() {
        let deep = format!("a: {}", "[".repeat(10_000));
        for text in ["", "- a\n- b\n", "a: *b\n", "a: 'b", "a: [1", "{", &deep, "\0", "a: b\n  c: d\n"] {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains("meta.yaml"), "{text:?}: {error}");
        }
        assert!(parse("n: x\n").unwrap().number("n").is_err());
    }
}
