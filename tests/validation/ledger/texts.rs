//! Per-label values of every kind, and what is wrong with them.

/// A cell of METRIC.per_label_val.
pub struct Case {
    /// The cell as a SQL expression.
    pub cell: String,
    /// The kinds of issues that it is, sorted by name.
    pub kinds: Vec<&'static str>,
    /// Where a malformed text goes wrong.
    pub offset: Option<usize>,
}

/// Text as a SQL expression, whatever its bytes.
pub fn text(bytes: impl AsRef<[u8]>) -> String {
    format!("CAST({} AS TEXT)", blob(bytes))
}

pub fn blob(bytes: impl AsRef<[u8]>) -> String {
    let hex: String = bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{hex}'")
}

const FINE: &[&str] = &[
    "{}",
    " { } ",
    "\t{\n\"a\"\r:\t1 }\n",
    r#"{"a": 1}"#,
    r#"{"a":0.25,"b":0.75}"#,
    r#"{"b": 1, "a": 2, "": 3}"#,
    r#"{"a": 9007199254740993, "b": 123456789012345678901234567890, "c": 0.1000000000000000055511151231257827}"#,
    r#"{"a": -0, "b": -0.0, "c": 0e0, "d": 1E5, "e": 1e+5, "f": 1e-5, "g": -1.5e-3}"#,
    r#"{"a": 1e400, "b": -1e400, "c": 1e-400}"#,
    r#"{"A": 1, "a": 2}"#,
    r#"{"é": 1, "e\u0301": 2}"#,
    r#"{"größe": 1, "大": 2, "😀": 3}"#,
    r#"{"a\"b": 1, "a\\b": 2, "a\/b": 3, "\b\f\n\r\t": 4, "\u0000": 5}"#,
    r#"{"\ud83d\ude00": 1}"#,
    r#"{"\ud800": 1, "\ud801": 2}"#,
    r#"{"NaN": 1, "Infinity": 2, "None": 3, "'": 4}"#,
    r#"{"_metadata": {"unit": "%", "stages": ["a", null, true, {"deep": [[]]}]}, "a": 1}"#,
    r#"{"_": null, "_a": "text", "__": true, "_b": []}"#,
    r#"{"\u005fa": "text"}"#,
];

const EMPTY: &[&str] = &["", " ", "\n", " \t\r\n  "];

const NOT_OBJECT: &[&str] = &[
    "0",
    "-1.5e3",
    "null",
    "true",
    "false",
    r#""text""#,
    r#""""#,
    "[]",
    "[1, 2]",
    " [0.5, 0.25] ",
    r#"[{"a": 1}]"#,
    r#""{\"a\": 1}""#,
    // Literals that JSON does not have are read on past.
    "[NaN]",
];

const NON_NUMERIC: &[&str] = &[
    r#"{"a": "1"}"#,
    r#"{"a": ""}"#,
    r#"{"a": null}"#,
    r#"{"a": true}"#,
    r#"{"a": 1, "b": false, "c": 2}"#,
    r#"{"a": []}"#,
    r#"{"a": [1]}"#,
    r#"{"a": {}}"#,
    r#"{"a": {"b": 1}}"#,
    r#"{"": null}"#,
    r#"{"a_": "text"}"#,
    r#"{"a": "x", "b": "y", "c": null}"#,
    r#"{"a": "NaN"}"#,
    r#"{"a": "'", "b": "None"}"#,
];

const NON_FINITE: &[&str] = &[
    r#"{"a": NaN}"#,
    r#"{"a": Infinity}"#,
    r#"{"a": -Infinity}"#,
    r#"{"a": 1, "b": NaN, "c": 2}"#,
    r#"{"a": NaN, "b": Infinity, "c": -Infinity}"#,
    r#"{"a":NaN}"#,
];

const DUPLICATE: &[&str] = &[
    r#"{"a": 1, "a": 1}"#,
    r#"{"a": 1, "b": 2, "a": 3}"#,
    r#"{"a": 1, "a": 2, "a": 3, "a": 4}"#,
    r#"{"a": 1, "\u0061": 2}"#,
    r#"{"": 1, "": 2}"#,
    r#"{"/": 1, "\/": 2}"#,
    r#"{"\ud83d\ude00": 1, "😀": 2}"#,
    r#"{"\n": 1, "\u000a": 2}"#,
    r#"{"\u00E9": 1, "é": 2}"#,
    r#"{"_a": 1, "_a": 2}"#,
];

const PYTHON: &[&str] = &[
    "{'a': 1}",
    "{'a': 1.5, 'b': 2}",
    "{ 'a' : 1 }",
    r#"{'it"s': 1}"#,
    r#"{"a": 'x'}"#,
    r#"{"a": None}"#,
    r#"{"a": True}"#,
    r#"{"a": False, "b": 1}"#,
    r#"{"a": nan}"#,
    r#"{"a": inf, "b": -inf}"#,
    r#"{"a": 1,}"#,
    r#"{"a": 1, }"#,
    "{'a': 1,}",
    "{'a': None, 'b': True, 'c': nan, 'd': -inf}",
    "{'a': [1, 2], 'b': (1, 2), 'c': {'d': 1}}",
    "[1, 2,]",
    "(1, 2)",
    "(1,)",
    "['a']",
    "None",
    "True",
    "'text'",
    "nan",
    "inf",
    // Numbers as Python reads them.
    r#"{"a": .5}"#,
    r#"{"a": 1.}"#,
    r#"{"a": 1.e5}"#,
    r#"{"a": 1_000}"#,
    r#"{"a": +1}"#,
    "{1: 0.5}",
];

/// Text and the offset of the first byte that cannot stand there.
const MALFORMED: &[(&str, usize)] = &[
    ("{", 1),
    ("}", 0),
    (r#"{"a""#, 4),
    (r#"{"a":"#, 5),
    (r#"{"a": }"#, 6),
    (r#"{"a" 1}"#, 5),
    (r#"{"a": 1"#, 7),
    (r#"{"a": 1 "b": 2}"#, 8),
    (r#"{,"a": 1}"#, 1),
    (r#"{a: 1}"#, 1),
    (r#"{"a": 1}}"#, 8),
    (r#"{"a": 1} {"b": 2}"#, 9),
    (r#"{"a": 1} x"#, 9),
    (r#"{"a": 1"b": 2}"#, 7),
    ("[1 2]", 3),
    ("[", 1),
    ("hello", 0),
    ("\u{feff}{\"a\": 1}", 0),
    (r#"{"a": 1e}"#, 8),
    (r#"{"a": 1e+}"#, 9),
    (r#"{"a": 1.5.5}"#, 9),
    (r#"{"a": -}"#, 7),
    (r#"{"a": --1}"#, 7),
    (r#"{"a": 1,5}"#, 8),
    (r#"{"a": undefined}"#, 6),
    (r#"{"a": NULL}"#, 6),
    (r#"{"a": \"1\"}"#, 6),
    (r#"{"a\x": 1}"#, 4),
    (r#"{"a\u12": 1}"#, 7),
    (r#"{"a\u12G4": 1}"#, 7),
    ("{\"a", 3),
    ("{\"a\": \"x", 8),
    ("{\"a\u{1}\": 1}", 3),
    ("{\"a\n\": 1}", 3),
    ("{\"a\t\": 1}", 3),
    ("{\"a\": 1\u{0}}", 7),
    ("{\"größe\": x}", 12),
    (r#"{"a": 1} // comment"#, 9),
    (r#"{"a": 1 /* comment */}"#, 8),
    ("{\u{a0}\"a\": 1}", 1),
    (r#"{"a" = 1}"#, 5),
    (r#"{"a": 1; "b": 2}"#, 7),
];

/// Several things at once.
const SEVERAL: &[(&str, &[&str])] = &[
    (r#"{"a": NaN, "a": 1}"#, &["json_duplicate_key", "json_non_finite"]),
    (r#"{"a": NaN, "b": "x"}"#, &["json_non_finite", "json_non_numeric"]),
    (r#"{"a": "x", "a": null}"#, &["json_duplicate_key", "json_non_numeric"]),
    (r#"{"a": true, "a": NaN}"#, &["json_duplicate_key", "json_non_finite", "json_non_numeric"]),
    (r#"{"a": [NaN, -Infinity]}"#, &["json_non_finite", "json_non_numeric"]),
    (r#"{"_a": "x", "_a": null, "b": 1}"#, &["json_duplicate_key"]),
];

const NOT_UTF8: &[&[u8]] = &[
    b"\xff",
    b"{\"a\": 1}\xff",
    b"{\"\xe9\": 1}",
    b"{\"a\xc3\": 1}",
    b"{\"\xed\xa0\x80\": 1}",
    b"{'a\xf8': None}",
    b"  \x80",
];

fn all(of: &[&str], kind: &'static str) -> impl Iterator<Item = Case> {
    of.iter().map(move |sample| Case { cell: text(sample), kinds: vec![kind], offset: None })
}

/// NULL and every kind of text and blob.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![Case { cell: "NULL".to_owned(), kinds: Vec::new(), offset: None }];
    cases.extend(FINE.iter().map(|sample| Case { cell: text(sample), kinds: Vec::new(), offset: None }));
    cases.extend(all(EMPTY, "json_empty"));
    cases.extend(all(NOT_OBJECT, "json_not_object"));
    cases.extend(all(NON_NUMERIC, "json_non_numeric"));
    cases.extend(all(NON_FINITE, "json_non_finite"));
    cases.extend(all(DUPLICATE, "json_duplicate_key"));
    cases.extend(all(PYTHON, "json_python_literal"));
    cases.extend(MALFORMED.iter().map(|(sample, offset)| Case {
        cell: text(sample),
        kinds: vec!["json_malformed"],
        offset: Some(*offset),
    }));
    cases.extend(SEVERAL.iter().map(|(sample, kinds)| Case {
        cell: text(sample),
        kinds: kinds.to_vec(),
        offset: None,
    }));
    cases.extend(NOT_UTF8.iter().map(|bytes| Case { cell: text(bytes), kinds: vec!["json_not_utf8"], offset: None }));
    for bytes in [&b""[..], b"{\"a\": 1}", b"\xff\x00"] {
        cases.push(Case { cell: blob(bytes), kinds: vec!["json_not_text"], offset: None });
    }
    cases
}
