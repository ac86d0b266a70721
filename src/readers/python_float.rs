//! Numbers as Python writes them.

/// A number as Python writes it.
pub fn python_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let shown = format!("{value:?}");
    match shown.split_once('e') {
        None => shown,
        // 1e-5 there is 1e-05 here.
        Some((digits, exponent)) => {
            let digits = digits.strip_suffix(".0").unwrap_or(digits);
            let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
            format!("{digits}e{sign}{size:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::python_float;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (1e-5, "1e-05"),
            (1e22, "1e+22"),
            (0.0001, "0.0001"),
            (f64::NAN, "nan"),
            (1.5e-7, "1.5e-07"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }
}
