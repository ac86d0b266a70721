//! Names that somebody may have meant.

/// How many are named at most.
const MOST: usize = 3;
/// Longer names are compared by their letters only.
const LONGEST: usize = 64;

/// The known names that are like `wanted`: the same in another case, or a few letters away; the nearest first.
pub fn similar<'k>(wanted: &str, known: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let letters: Vec<char> = wanted.to_lowercase().chars().collect();
    let most = (letters.len() / 3).clamp(1, 3);
    let mut found: Vec<(usize, &str)> = known
        .filter_map(|name| {
            let other: Vec<char> = name.to_lowercase().chars().collect();
            let away = distance(&letters, &other);
            (name != wanted && away <= most).then_some((away, name))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How many letters have to be put in, taken out or replaced.
fn distance(a: &[char], b: &[char]) -> usize {
    if a == b {
        return 0;
    }
    if a.len().max(b.len()) > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, above) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(x != y)).min(left + 1).min(*above + 1);
            diagonal = *above;
            *above = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn names_in_another_case_come_first_and_strange_ones_not_at_all() {
        let known = ["Accuracy", "acuracy", "loss", "accuracy_top5", "f1"];
        assert_eq!(similar("accuracy", known.into_iter()), ["Accuracy", "acuracy"]);
        assert_eq!(similar("los", known.into_iter()), ["loss"]);
        assert_eq!(similar("f2", known.into_iter()), ["f1"]);
        assert!(similar("precision", known.into_iter()).is_empty());
        assert!(similar("loss", ["loss"].into_iter()).is_empty());
        assert!(similar("", ["loss"].into_iter()).is_empty());
        assert!(similar(&"a".repeat(100), ["a"].into_iter()).is_empty());
    }
}
