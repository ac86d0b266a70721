//! Operations: protocol buffers, whose numbers are those of the package neptune-api (0.24).

use crate::readers::wire::{Fields, Malformed, Wire};

/// Of a step, and of a second.
const MILLION: i64 = 1_000_000;

/// A moment, in nanoseconds since 1970, UTC.
pub type Nanos = i128;

fn moment(message: &[u8]) -> Result<Nanos, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::of(message) {
        match field? {
            (1, wire) => seconds = wire.int().ok_or(Malformed)?,
            (2, wire) => nanos = wire.int().ok_or(Malformed)?,
            _ => {}
        }
    }
    Ok(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
}

/// A step, in millionths.
fn step(message: &[u8]) -> Result<i64, Malformed> {
    let (mut whole, mut micro) = (0, 0);
    for field in Fields::of(message) {
        match field? {
            (1, wire) => whole = wire.int().ok_or(Malformed)?,
            (2, wire) => micro = wire.int().ok_or(Malformed)?,
            _ => {}
        }
    }
    i64::checked_mul(whole, MILLION).and_then(|whole| whole.checked_add(micro)).ok_or(Malformed)
}

/// What a run says of itself when it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created {
    pub experiment: Option<String>,
    pub created: Option<Nanos>,
    /// The run that it goes on from, and at which step, in millionths.
    pub parent: Option<(String, Option<i64>)>,
}

impl Created {
    pub fn parse(message: &[u8]) -> Result<Created, Malformed> {
        let mut created = Created::default();
        for field in Fields::of(message) {
            match field? {
                (5, wire) => created.experiment = Some(wire.text().ok_or(Malformed)?.to_owned()),
                (3, wire) => created.created = Some(moment(wire.bytes().ok_or(Malformed)?)?),
                (2, wire) => {
                    let (mut run, mut at) = (String::new(), None);
                    for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                        match field? {
                            (2, wire) => run = wire.text().ok_or(Malformed)?.to_owned(),
                            (4, wire) => at = Some(step(wire.bytes().ok_or(Malformed)?)?),
                            _ => {}
                        }
                    }
                    created.parent = Some((run, at));
                }
                _ => {}
            }
        }
        Ok(created)
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Content<'b> {
    Float(f64),
    Int(i64),
    Bool(bool),
    Text(&'b str),
    Moment(Nanos),
    Texts(Vec<&'b str>),
    /// The number of the field, and what it holds: a file, a histogram, or what is not known.
    Other(u32, &'b [u8]),
}

impl Content<'_> {
    fn parse(message: &[u8]) -> Result<Content<'_>, Malformed> {
        let mut content = None;
        for field in Fields::of(message) {
            let (number, wire) = field?;
            content = Some(match (number, wire) {
                (1, wire) => Content::Float(wire.double().ok_or(Malformed)?),
                (3, wire) => Content::Int(wire.int().ok_or(Malformed)?),
                (5, wire) => Content::Bool(wire.int().ok_or(Malformed)? != 0),
                (6, wire) => Content::Text(wire.text().ok_or(Malformed)?),
                (8, wire) => Content::Moment(moment(wire.bytes().ok_or(Malformed)?)?),
                (12, wire) => {
                    let mut texts = Vec::new();
                    for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                        if let (1, text) = field? {
                            texts.push(text.text().ok_or(Malformed)?);
                        }
                    }
                    Content::Texts(texts)
                }
                (number, Wire::Bytes(bytes)) => Content::Other(number, bytes),
                _ => return Err(Malformed),
            });
        }
        content.ok_or(Malformed)
    }
}

/// What becomes of a member of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    Add,
    Remove,
}

/// An update of a run: what was assigned, what was appended at a step, and what came into sets and out of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update<'b> {
    /// In millionths; `None` for what has no step.
    pub step: Option<i64>,
    pub time: Option<Nanos>,
    pub is_preview: bool,
    pub assigned: Vec<(&'b str, Content<'b>)>,
    pub appended: Vec<(&'b str, Content<'b>)>,
    pub sets: Vec<(&'b str, &'b str, Change)>,
}

/// The key and the value of an entry of a map.
fn entry(message: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let (mut key, mut value): (&str, &[u8]) = ("", &[]);
    for field in Fields::of(message) {
        match field? {
            (1, wire) => key = wire.text().ok_or(Malformed)?,
            (2, wire) => value = wire.bytes().ok_or(Malformed)?,
            _ => {}
        }
    }
    Ok((key, value))
}

impl Update<'_> {
    pub fn parse(message: &[u8]) -> Result<Update<'_>, Malformed> {
        let mut update = Update::default();
        for field in Fields::of(message) {
            let (number, wire) = field?;
            let bytes = || wire.bytes().ok_or(Malformed);
            match number {
                1 => update.step = Some(step(bytes()?)?),
                2 => update.time = Some(moment(bytes()?)?),
                10 => {
                    for field in Fields::of(bytes()?) {
                        if let (1, wire) = field? {
                            update.is_preview = wire.int().ok_or(Malformed)? != 0;
                        }
                    }
                }
                4 | 8 => {
                    let (key, value) = entry(bytes()?)?;
                    let into = if number == 4 { &mut update.assigned } else { &mut update.appended };
                    into.push((key, Content::parse(value)?));
                }
                5 => {
                    let (key, sets) = entry(bytes()?)?;
                    for field in Fields::of(sets) {
                        let (1, wire) = field? else { continue };
                        for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                            let (1, wire) = field? else { continue };
                            let (mut member, mut change) = ("", Change::None);
                            for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                                match field? {
                                    (1, wire) => member = wire.text().ok_or(Malformed)?,
                                    (2, Wire::Varint(1)) => change = Change::Add,
                                    (2, Wire::Varint(2)) => change = Change::Remove,
                                    _ => {}
                                }
                            }
                            update.sets.push((key, member, change));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(update)
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Content, Created, Update};

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// As neptune-scale 0.30.0 wrote them.
    #[test]
    fn operations_are_what_the_client_wrote() {
        let created = bytes("1A0C08DBA4BBD8061094AF8AE701220572756E2D312A0566697273744801");
        let created = Created::parse(&created).unwrap();
        assert_eq!((created.experiment.as_deref(), created.parent), (Some("first"), None));
        assert_eq!(created.created.map(|nanos| nanos / 1_000_000_000), Some(1_796_133_467));
        let point = bytes("0A0410A0C21E120C08DBA4BBD80610CA8FBC870242100A036F6464120909000000000000F87F");
        let update = Update::parse(&point).unwrap();
        assert_eq!((update.step, update.appended[0].0), (Some(500_000), "odd"));
        assert!(matches!(update.appended[0].1, Content::Float(value) if value.is_nan()));
        let first = bytes("0A001206088081C8AC0642110A046C6F7373120909000000000000F03F");
        assert_eq!(Update::parse(&first).unwrap().step, Some(0));
        let sets = bytes("120C08DBA4BBD80610B3E0D789022A1C0A087379732F7461677312100A0E0A050A016210010A050A01611001");
        let sets = Update::parse(&sets).unwrap();
        assert_eq!(
            (sets.step, sets.sets),
            (None, vec![("sys/tags", "b", Change::Add), ("sys/tags", "a", Change::Add)])
        );
        assert!(Update::parse(&point[..point.len() - 1]).is_err());
    }
}
