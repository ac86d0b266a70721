//! Zones as callers and formats write them.

/// Minutes east of Greenwich of `+09:00`, `-0330`, `+1`, `UTC` or `Z`.
pub fn offset(text: &str) -> Option<i64> {
    if matches!(text, "UTC" | "utc" | "Z" | "z") {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at(2),
        None => (digits, "00"),
    };
    let number = |text: &str, most: i64| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| plain && *number <= most)
    };
    Some(sign * (number(hours, 14)? * 60 + number(minutes, 59)?))
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn zones_are_read_and_others_are_none() {
        for (text, minutes) in [("+09:00", 540), ("-03:30", -210), ("-0330", -210), ("+1", 60), ("UTC", 0), ("Z", 0)] {
            assert_eq!(offset(text), Some(minutes), "{text}");
        }
        for text in ["", "+", "9", "+25:00", "+09:60", "+9:0x", "local", "+1e3", "+001"] {
            assert_eq!(offset(text), None, "{text}");
        }
    }
}
