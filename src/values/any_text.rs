//! What must hold for any text that is read as JSON or as a Python literal. Targets in fuzz/ and a short test over their seeds use this.

use serde::de::IgnoredAny;

use super::json::{JsonError, Lexer, canonicalize};
use super::python_literal::{NonFinite, Trouble, is_python_literal, to_json};

/// What is JSON for others, and refused here.
const STRICTER: [&str; 2] = ["nested too deep", "the exponent is out of range"];

/// Whether another reader takes it for JSON. Numbers of any size and lone surrogates are no matter to it, and no depth is too great.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn passed_over(text: &str) -> Result<(), JsonError> {
    let mut lexer = Lexer::new(text);
    lexer.skip_space();
    lexer.skip_value(0)?;
    lexer.end()
}

/// The lexer and the canonical form accept what is JSON and nothing else, but for what they say to refuse.
pub fn json(text: &str) {
    let agrees = |read: &Result<(), JsonError>| match read {
        Ok(()) => is_json(text),
        Err(error) => {
            assert!(error.offset <= text.len(), "{error}: {text:?}");
            !is_json(text) || STRICTER.contains(&error.reason)
        }
    };
    let (passed, mut form) = (passed_over(text), Vec::new());
    let canonical = canonicalize(text.as_bytes(), &mut form);
    assert!(agrees(&passed), "passed over: {passed:?}: {text:?}");
    assert!(agrees(&canonical), "canonical: {canonical:?}: {text:?}");
    if canonical.is_ok() {
        assert!(passed.is_ok(), "{passed:?}: {text:?}");
        let mut again = Vec::new();
        let spaced = canonicalize(format!("\n {text}\t ").as_bytes(), &mut again);
        assert!(spaced.is_ok() && again == form, "white space around it changed the form: {text:?}");
    }
}

/// What is converted is JSON, which converts to itself; and of numbers that are not finite it is said that they are.
pub fn python_literal(text: &str) {
    let refusing = to_json(text, NonFinite::Refuse);
    let removing = to_json(text, NonFinite::Remove);
    assert_eq!(is_python_literal(text), refusing != Err(Trouble::Unknown), "{text:?}");
    match &refusing {
        Ok(json) => {
            assert!(is_json(json), "{json:?} of {text:?}");
            assert_eq!(to_json(json, NonFinite::Refuse).as_deref(), Ok(json.as_str()), "of {text:?}");
            assert_eq!(removing, refusing, "{text:?}");
        }
        Err(Trouble::Unknown) => assert_eq!(removing, refusing, "{text:?}"),
        Err(Trouble::NonFinite { removable, .. }) => match &removing {
            Ok(json) => assert!(*removable && is_json(json), "{json:?} of {text:?}"),
            Err(trouble) => assert_ne!(*trouble, Trouble::Unknown, "{text:?}"),
        },
    }
    if passed_over(text).is_ok() {
        assert_eq!(refusing.as_deref(), Ok(text), "JSON is as good");
    }
}

#[cfg(test)]
mod tests {
    use crate::random::{Random, seed};

    /// The texts of a folder of fuzz/seeds.
    fn seeds(of: &str) -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(of);
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    /// Each line of the seeds, and lines that are put together of parts of others, with a character changed.
    fn run(of: &str, check: fn(&str)) {
        let lines: Vec<Vec<char>> =
            seeds(of).iter().flat_map(|seed| seed.lines()).map(|line| line.chars().collect()).collect();
        lines.iter().for_each(|line| check(&line.iter().collect::<String>()));
        let mut random = Random::new(seed());
        let part = |random: &mut Random| {
            let line = random.pick(&lines);
            let (from, to) = (random.below(line.len() + 1), random.below(line.len() + 1));
            line.get(from.min(to)..from.max(to)).unwrap_or_default().to_vec()
        };
        for _ in 0..20_000 {
            let whole = random.pick(&lines).clone();
            let at = random.below(whole.len() + 1);
            let behind = if random.percent(50) { at } else { at + random.below(whole.len() - at + 1) };
            let mut text = [&whole[..at], &part(&mut random), &whole[behind..]].concat();
            if random.percent(40) && !text.is_empty() {
                let at = random.below(text.len());
                text[at] = *random.pick(&[
                    '"', '\'', '\\', '{', '}', '[', ']', '(', ',', ':', '0', '1', '-', '.', 'e', 'u', ' ', '\n', '\0',
                    'é', '😀',
                ]);
            }
            check(&text.iter().collect::<String>());
        }
    }

    #[test]
    fn what_is_json_for_another_reader_is_json_here_but_for_what_is_said() {
        run("json", super::json);
    }

    #[test]
    fn what_is_made_of_a_python_literal_is_json() {
        run("literal", super::python_literal);
    }
}
