//! What is in a record: an event.

use crate::readers::wire::{Fields, Malformed};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What<'b> {
    /// Nothing.
    Nothing,
    /// The version of the format, which begins a file.
    FileVersion,
    /// A session starts, stops or makes a checkpoint.
    Session,
    /// The values of a step.
    Summary(&'b [u8]),
    /// What has no values: its name, and its bytes.
    Other(&'static str, &'b [u8]),
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'b> {
    /// Seconds since 1970; 0 where there is none.
    pub wall_time: f64,
    pub step: i64,
    pub what: What<'b>,
}

impl<'b> Event<'b> {
    pub fn parse(bytes: &'b [u8]) -> Result<Event<'b>, Malformed> {
        let mut event = Event { wall_time: 0.0, step: 0, what: What::Nothing };
        for field in Fields::of(bytes) {
            let (number, wire) = field?;
            match number {
                1 => event.wall_time = wire.double().ok_or(Malformed)?,
                2 => event.step = wire.int().ok_or(Malformed)?,
                3 => event.what = What::FileVersion,
                4 => event.what = What::Other("graph", wire.bytes().ok_or(Malformed)?),
                5 => event.what = What::Summary(wire.bytes().ok_or(Malformed)?),
                6 => event.what = What::Other("log_message", wire.bytes().ok_or(Malformed)?),
                7 => event.what = What::Session,
                8 => event.what = What::Other("run_metadata", wire.bytes().ok_or(Malformed)?),
                9 => event.what = What::Other("meta_graph", wire.bytes().ok_or(Malformed)?),
                // Who wrote the file.
                10 => {}
                _ if event.what == What::Nothing => event.what = What::Other("unknown_event", bytes),
                _ => {}
            }
        }
        Ok(event)
    }

    /// The time in milliseconds, as trackers keep it.
    pub fn milliseconds(&self) -> i64 {
        // What is no time becomes 0, and what is out of range the nearest that is in it.
        (self.wall_time * 1000.0).round() as i64
    }
}

/// One value of a summary.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Value<'b> {
    pub tag: &'b [u8],
    pub simple: Option<f32>,
    pub tensor: Option<&'b [u8]>,
    /// Which of the older kinds it is.
    pub kind: Option<&'static str>,
    pub plugin: &'b [u8],
    pub plugin_content: &'b [u8],
    /// A name to show, or a description.
    pub has_description: bool,
}

impl<'b> Value<'b> {
    pub fn parse(bytes: &'b [u8]) -> Result<Value<'b>, Malformed> {
        let mut value = Value::default();
        for field in Fields::of(bytes) {
            let (number, wire) = field?;
            match number {
                1 => value.tag = wire.bytes().ok_or(Malformed)?,
                2 => value.simple = Some(wire.float().ok_or(Malformed)?),
                4 => value.kind = Some("image"),
                5 => value.kind = Some("histogram"),
                6 => value.kind = Some("audio"),
                8 => value.tensor = Some(wire.bytes().ok_or(Malformed)?),
                9 => value.metadata(wire.bytes().ok_or(Malformed)?)?,
                _ => {}
            }
        }
        Ok(value)
    }

    fn metadata(&mut self, bytes: &'b [u8]) -> Result<(), Malformed> {
        for field in Fields::of(bytes) {
            let (number, wire) = field?;
            match number {
                1 => {
                    for field in Fields::of(wire.bytes().ok_or(Malformed)?) {
                        match field? {
                            (1, name) => self.plugin = name.bytes().ok_or(Malformed)?,
                            (2, content) => self.plugin_content = content.bytes().ok_or(Malformed)?,
                            _ => {}
                        }
                    }
                }
                2 | 3 => self.has_description |= wire.bytes().is_some_and(|text| !text.is_empty()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The values of a summary.
pub fn values(summary: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields::of(summary).filter_map(|field| match field {
        Ok((1, wire)) => Some(wire.bytes().ok_or(Malformed)),
        Ok(_) => None,
        Err(malformed) => Some(Err(malformed)),
    })
}
