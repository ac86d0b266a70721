#!/usr/bin/env python3
"""A second implementation of the rules for METRIC.per_label_val (docs/validation.md), on Python's own json and ast.

  metric_json.py DB      one line per metric that is not fine: id, then the kinds of its issues
"""
import ast
import json
import re
import sqlite3
import sys


class Object(list):
    """The pairs of a JSON object."""


class NonFinite:
    pass


class Number:
    pass


def has_non_finite(value):
    if isinstance(value, Object):
        return any(has_non_finite(inner) for _, inner in value)
    return isinstance(value, NonFinite) or (isinstance(value, list) and any(map(has_non_finite, value)))


def kinds_of_object(pairs):
    keys = [key for key, _ in pairs]
    if any(not key.startswith("_") and not isinstance(value, (Number, NonFinite)) for key, value in pairs):
        yield "json_non_numeric"
    if has_non_finite(pairs):
        yield "json_non_finite"
    if len(set(keys)) < len(keys):
        yield "json_duplicate_key"


# Of the many spellings that Python reads, these are near what it prints.
STRING = re.compile(r"""[uU]?('([^'\\]|\\[^N])*'|"([^"\\]|\\[^N])*")""", re.DOTALL)
NUMBER = re.compile(r"(?!0[0-9_])[0-9_]*\.?[0-9_]*([eE][+-]?[0-9_]+)?")


def is_literal(node, text):
    """Whether this is a literal of None, booleans, numbers, strings, and dicts, lists and tuples of them."""
    if isinstance(node, ast.Expression):
        return is_literal(node.body, text)
    if isinstance(node, ast.Dict):
        # JSON has no keys that are made of several values.
        keys = all(key is not None and not isinstance(key, (ast.Dict, ast.List, ast.Tuple)) and is_literal(key, text) for key in node.keys)
        return keys and all(is_literal(value, text) for value in node.values)
    if isinstance(node, ast.Name) and node.id in ("null", "true", "false"):
        return True  # JSON's own words, in what is nearly JSON
    if isinstance(node, (ast.List, ast.Tuple)):
        source = ast.get_source_segment(text, node)
        bare = bool(node.elts) and node.elts[0].col_offset == node.col_offset and node.elts[0].lineno == node.lineno
        return not bare and source[0] + source[-1] in ("[]", "()") and all(is_literal(inner, text) for inner in node.elts)
    if isinstance(node, ast.UnaryOp):
        sign = isinstance(node.op, (ast.UAdd, ast.USub)) and node.operand.col_offset == node.col_offset + 1
        return sign and is_number(node.operand, text)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        # Python prints control characters as escapes.
        source = ast.get_source_segment(text, node)
        return STRING.fullmatch(source) is not None and not any(character < " " for character in source)
    return is_number(node, text) or (isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool)))


def is_number(node, text):
    if isinstance(node, ast.Name):
        return node.id in ("nan", "inf", "NaN", "Infinity")
    if not isinstance(node, ast.Constant) or not isinstance(node.value, (int, float)) or isinstance(node.value, bool):
        return False
    return NUMBER.fullmatch(ast.get_source_segment(text, node)) is not None


def kinds(storage, content):
    if storage == "null":
        return []
    if storage != "text":
        return ["json_not_text"]
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ["json_not_utf8"]
    if not text.strip(" \t\n\f\r"):
        return ["json_empty"]
    number = lambda _: Number()
    try:
        value = json.loads(text, object_pairs_hook=Object, parse_int=number, parse_float=number, parse_constant=lambda _: NonFinite())
    except json.JSONDecodeError:
        try:
            text = text.strip(" \t\n\r")
            # Nor does it print lines that go on.
            literal = not re.search(r"\\[\r\n]", text) and is_literal(ast.parse(text, mode="eval"), text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            literal = False
        return ["json_python_literal" if literal else "json_malformed"]
    return sorted(kinds_of_object(value)) if isinstance(value, Object) else ["json_not_object"]


def main():
    conn = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
    for i, storage, content in conn.execute("SELECT id, typeof(per_label_val), CAST(per_label_val AS BLOB) FROM METRIC ORDER BY id"):
        found = kinds(storage, content)
        if found:
            print(i, *found)


if __name__ == "__main__":
    main()
