//! Tests of what is, and what is not, a Python literal.

use super::{NonFinite, Trouble, is_python_literal, to_json};
use crate::values::json::{MAX_DEPTH, canonicalize};

#[test]
fn what_python_prints_is_recognised_and_nothing_else() {
    for text in [
        "{'a': 0.5}",
        "{'a': None, 'b': True}",
        "{\"a\": nan}",
        "{'a': -inf, 'b': inf}",
        "{\"a\": 1,}",
        "('a', 1)",
        "{1: 2.}",
        "[.5, +1, 1_000]",
        "None",
        "{'it\\'s': 1}",
        "{u'a': 1}",
        " { } ",
        "{'a': (1, 2,), 'b': []}",
        "{'a': null, \"b\": true}",
        "(1)",
        "{(1): 2}",
    ] {
        assert!(is_python_literal(text), "{text}");
    }
    for text in [
        "",
        "{'a': 0.5",
        "{'a' 0.5}",
        "{a: 1}",
        "{'a': np.float64(0.5)}",
        "{'a': 1}}",
        "'a",
        "{,}",
        "[1 2]",
        "1e",
        ".",
        "{'a': undefined}",
        "_1",
        "1__0",
        "{'a\n': 1}",
        "007",
        "00",
        "07.5",
        "'a\\\nb'",
        "-None",
        "{(1, 2): 3}",
        "{'a': 1 'b': 2}",
        "[1,,2]",
        "(,)",
        "'\\N{DASH}'",
        "'\\xg0'",
        "'a\tb'",
    ] {
        assert!(!is_python_literal(text), "{text}");
    }
    assert!(!is_python_literal(&"[".repeat(1_000_000)));
}

#[test]
fn what_is_recognised_becomes_json() {
    for (text, expected) in [
        ("{'a': 0.50 , \"b\" :1e-3 }", "{\"a\": 0.50 , \"b\" :1e-3 }"),
        ("{'a': None, 'b': True, 'c': False}", "{\"a\": null, \"b\": true, \"c\": false}"),
        ("{1: 2., .5: +1, None: 1_000, True: -0}", "{\"1\": 2.0, \"0.5\": 1, \"null\": 1000, \"true\": -0}"),
        ("{nan: 1, -inf: 2}", "{\"NaN\": 1, \"-Infinity\": 2}"),
        ("(1, (2), (3,), ())", "[1, 2, [3], []]"),
        ("{'a': [1, 2, ], }", "{\"a\": [1, 2 ] }"),
        ("'it\\'s \"x\" \\\\ \\x41\\u00e4\\U0001f600\\101\\q'", "\"it's \\\"x\\\" \\\\ Aä😀A\\\\q\""),
        ("\"\\u0041\\/\"", "\"\\u0041\\/\""),
        ("'\\ud800\\a\\t\x7f'", "\"\\ud800\\u0007\\t\x7f\""),
        ("[0, 1_0.5_0e1_0, -.0, 0e5]", "[0, 10.50e10, -0.0, 0e5]"),
        ("{( 'a' ): 1, ( (None)) :2, (nan): 3}", "{\"a\": 1, \"null\" :2, \"NaN\": 3}"),
        ("None", "null"),
    ] {
        let json = to_json(text, NonFinite::Refuse).unwrap_or_else(|trouble| panic!("{text}: {trouble:?}"));
        assert_eq!(json, expected, "{text}");
        assert!(canonicalize(json.as_bytes(), &mut Vec::new()).is_ok(), "{json}");
        assert_eq!(to_json(&json, NonFinite::Refuse).as_ref(), Ok(&json), "what is JSON stays");
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_or_removed_with_their_keys() {
    for (text, removed) in [
        ("{'a': nan}", "{}"),
        ("{ 'a': nan, 'b': 1 }", "{ \"b\": 1 }"),
        ("{'a': 1, 'b': -inf, 'c': 2}", "{\"a\": 1, \"c\": 2}"),
        ("{'a': 1, 'b': NaN}", "{\"a\": 1}"),
        ("{\n 'a': 1,\n 'b': Infinity\n}", "{\n \"a\": 1\n}"),
        ("{'_n': {'x': +inf, 'y': 1,}, 'b': (nan)}", "{\"_n\": {\"y\": 1}}"),
    ] {
        assert!(is_python_literal(text), "{text}");
        assert!(matches!(to_json(text, NonFinite::Refuse), Err(Trouble::NonFinite { removable: true, .. })), "{text}");
        assert_eq!(to_json(text, NonFinite::Remove).as_deref(), Ok(removed), "{text}");
    }
    let trouble = |literal: &str, key: Option<&str>| Trouble::NonFinite {
        literal: literal.to_owned(),
        key: key.map(|key| key.as_bytes().to_vec()),
        removable: false,
    };
    assert_eq!(to_json("{'\\x61': [1, (nan)]}", NonFinite::Remove), Err(trouble("nan", Some("a"))));
    assert_eq!(to_json("[-inf]", NonFinite::Remove), Err(trouble("-inf", None)));
    assert_eq!(to_json("nan", NonFinite::Remove), Err(trouble("nan", None)));
    assert_eq!(to_json("[nan", NonFinite::Remove), Err(Trouble::Unknown), "the end decides");
}

#[test]
fn what_is_recognised_is_as_deep_as_json_may_be() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(is_python_literal(&nested(MAX_DEPTH)));
    assert!(!is_python_literal(&nested(MAX_DEPTH + 1)));
    assert!(!is_python_literal(&format!("{}1{}", "(".repeat(500), ")".repeat(500))));
}
