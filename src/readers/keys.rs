//! Names of metrics, params and tags that MLflow would refuse, and what they become (docs/bring-in.md).

use std::collections::HashMap;

/// So many characters MLflow takes.
const LONGEST: usize = 250;
/// Of these a name that is cut gets so many for a hash of what it was.
const HASH: usize = 9;

/// What was replaced in a name.
pub const REPLACED: &str = "key_replaced";
/// What it would have become was another's.
pub const COLLIDED: &str = "key_collided";

/// The names of one run: what each became.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<String, String>,
    taken: HashMap<String, String>,
}

/// What MLflow takes in a name: letters and digits of any script, and a few signs.
fn is_taken(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | ' ' | ':' | '/')
}

/// The name that MLflow takes.
fn plain(original: &str) -> String {
    let letters: String = original.chars().map(|letter| if is_taken(letter) { letter } else { '_' }).collect();
    // It has to be a path as it would be written: no element is empty or leads elsewhere.
    let elements = letters.split('/').map(|element| match element {
        "" | "." | ".." => "_",
        other => other,
    });
    let name = elements.collect::<Vec<_>>().join("/");
    if name.chars().count() <= LONGEST {
        return name;
    }
    let hash = blake3::hash(original.as_bytes()).to_hex();
    let kept: String = name.chars().take(LONGEST - HASH).collect();
    let short: String = hash.chars().take(HASH - 1).collect();
    format!("{kept}-{short}")
}

impl Names {
    /// What a name becomes, and by which rule if it is not as it was and came for the first time.
    pub fn of(&mut self, original: &str) -> (String, Option<&'static str>) {
        if let Some(known) = self.known.get(original) {
            return (known.clone(), None);
        }
        let wanted = plain(original);
        let mut name = wanted.clone();
        let mut rule = (wanted != original).then_some(REPLACED);
        let mut number = 2;
        while self.taken.get(&name).is_some_and(|by| by != original) {
            rule = Some(COLLIDED);
            let kept: String = wanted.chars().take(LONGEST - HASH).collect();
            name = format!("{kept}_{number}");
            number += 1;
        }
        self.taken.insert(name.clone(), original.to_owned());
        self.known.insert(original.to_owned(), name.clone());
        (name, rule)
    }
}

#[cfg(test)]
mod tests {
    use super::{COLLIDED, Names, REPLACED};

    #[test]
    fn what_mlflow_takes_stays_and_the_rest_is_replaced_and_never_falls_together() {
        let mut names = Names::default();
        for same in ["loss", "val/acc", "größe", "a b:c-d_e.f", "a/b/c"] {
            assert_eq!(names.of(same), (same.to_owned(), None));
        }
        for (original, name) in [("pre@5", "pre_5"), ("/a", "_/a"), ("a//b", "a/_/b"), ("./a", "_/a2"), ("a/", "a/_")] {
            let (found, rule) = names.of(original);
            if original == "./a" {
                assert_eq!((found.as_str(), rule), ("_/a_2", Some(COLLIDED)));
            } else {
                assert_eq!((found.as_str(), rule), (name, Some(REPLACED)));
            }
            assert_eq!(names.of(original), (found, None));
        }
        let long = "x".repeat(300);
        let (cut, rule) = names.of(&long);
        assert_eq!((cut.chars().count(), rule), (250, Some(REPLACED)));
        assert_ne!(names.of(&format!("{long}y")).0, cut);
    }
}
