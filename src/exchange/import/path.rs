//! The place of something in a document: `$.trials[0].trial_runs[2].epochs[5].idx`.

use std::fmt;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A key that the format knows.
    Name(&'static str),
    /// A key that is somebody's data.
    Key(String),
    /// A place in a list.
    Index(u64),
}

/// The way from the top of a document to a value.
#[derive(Clone, Debug, Default)]
pub struct Path(Vec<Step>);

impl Path {
    /// Into an object or a list, before its first key or value.
    pub fn enter(&mut self) {
        self.0.push(Step::Name(""));
    }

    /// Out of it.
    pub fn leave(&mut self) {
        self.0.pop();
    }

    fn set(&mut self, step: Step) {
        if let Some(last) = self.0.last_mut() {
            *last = step;
        }
    }

    /// To the value of a key that the format knows.
    pub fn at_name(&mut self, name: &'static str) {
        self.set(Step::Name(name));
    }

    /// To the value of another key.
    pub fn at_key(&mut self, key: &str) {
        self.set(Step::Key(key.to_owned()));
    }

    /// To a place in a list.
    pub fn at_index(&mut self, index: u64) {
        self.set(Step::Index(index));
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Name("") => {}
                Step::Name(name) => write!(out, ".{name}")?,
                Step::Key(key) => {
                    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                    if plain && !key.is_empty() && key.len() <= 80 {
                        write!(out, ".{key}")?;
                    } else {
                        write!(out, "[{}]", crate::values::ValueRef::Text(key.as_bytes()).describe())?;
                    }
                }
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn steps_are_shown_as_they_were_taken() {
        let mut path = Path::default();
        assert_eq!(path.to_string(), "$");
        path.enter();
        assert_eq!(path.to_string(), "$");
        path.at_name("trials");
        path.enter();
        path.at_index(12);
        path.enter();
        path.at_key("extra_1");
        path.enter();
        path.at_key("two words\n");
        assert_eq!(path.to_string(), r#"$.trials[12].extra_1["two words\n"]"#);
        path.leave();
        path.leave();
        path.leave();
        assert_eq!(path.to_string(), "$.trials");
    }
}
