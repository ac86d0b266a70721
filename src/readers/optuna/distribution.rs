//! What a stored parameter stands for: tables and journals keep a number, and the distribution says what it is the number of.

use crate::readers::loose_json::{elements, member, members, number, plain, string};
use crate::readers::python_float::python_float;

/// The value of a parameter as Python shows it; `None` if the distribution has none for the number.
pub fn shown(value: f64, distribution: &str) -> Option<String> {
    let parts = members(distribution)?;
    let attributes = members(member(&parts, "attributes")?)?;
    match string(member(&parts, "name")?)?.as_str() {
        "CategoricalDistribution" => {
            let choices = elements(member(&attributes, "choices")?)?;
            let at = Some(value).filter(|value| value.fract() == 0.0 && *value >= 0.0)? as usize;
            Some(match *choices.get(at)? {
                "null" => "None".to_owned(),
                "true" => "True".to_owned(),
                "false" => "False".to_owned(),
                // Python has written the digits.
                other => match number(other).filter(|number| !number.is_finite()) {
                    Some(odd) => python_float(odd),
                    None => plain(other),
                },
            })
        }
        name if name.starts_with("Int") => {
            let whole = value.fract() == 0.0 && value.abs() < 9e15;
            whole.then(|| (value as i64).to_string())
        }
        name if name.ends_with("Distribution") => Some(python_float(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn parameters_are_what_the_trial_was_given() {
        let choices = "{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [\"relu\", null, true, 1.5, 7, NaN]}}";
        for (at, value) in [(0.0, "relu"), (1.0, "None"), (2.0, "True"), (3.0, "1.5"), (4.0, "7"), (5.0, "nan")] {
            assert_eq!(shown(at, choices).as_deref(), Some(value));
        }
        for odd in [6.0, 0.5, -1.0, f64::NAN] {
            assert_eq!(shown(odd, choices), None, "{odd}");
        }
        let of = |name: &str| format!("{{\"name\": \"{name}\", \"attributes\": {{\"low\": 1, \"high\": 9}}}}");
        assert_eq!(shown(6.0, &of("IntDistribution")).as_deref(), Some("6"));
        assert_eq!(shown(6.5, &of("IntUniformDistribution")), None);
        assert_eq!(shown(1e-5, &of("LogUniformDistribution")).as_deref(), Some("1e-05"));
        assert_eq!((shown(1.0, "{}"), shown(1.0, &of("Other"))), (None, None));
    }
}
