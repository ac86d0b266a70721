//! Guesses which known name a misspelt one stands for.

/// How many are named.
const MOST: usize = 3;

/// The known names that are like this one, the likest first.
pub fn near_misses<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    /// Jaro-Winkler's measure: 1 is equal; names with one slip have about 0.95.
    const LIKE: f64 = 0.8;
    let name = name.to_lowercase();
    let mut found: Vec<(f64, &str)> = known
        .into_iter()
        .map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .collect();
    found.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
    found.into_iter().take(MOST).map(|(_, other)| other).collect()
}

/// The same as the beginning of a hint; empty if nothing is like it.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = near_misses(name, known).into_iter().map(|other| format!("{other:?}")).collect();
    if quoted.is_empty() { String::new() } else { format!("did you mean {}? ", quoted.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, near_misses};

    #[test]
    fn slips_of_the_pen_are_found_and_other_names_are_not() {
        let known = ["legacy_to_per_label", "normalize_json_keys", "scale", "round"];
        assert_eq!(near_misses("Legacy_to_perlabel", known), ["legacy_to_per_label"]);
        assert_eq!(near_misses("normalise_json_keys", known), ["normalize_json_keys"]);
        assert_eq!(near_misses("sclae", known), ["scale"]);
        assert_eq!(near_misses("aggregate", known), [""; 0]);
        assert_eq!(did_you_mean("rond", known), "did you mean \"round\"? ");
        assert_eq!(did_you_mean("", known), "");
    }
}
