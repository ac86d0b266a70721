#!/usr/bin/env python3
"""A second implementation of the rules for METRIC.per_label_val (docs/validation.md), on Python's own json and ast.

  metric_json.py DB      one line per metric that is not fine: id, then the kinds of its issues
"""
import ast
import json
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


def is_literal(node, text):
    """Whether this is what Python prints for None, booleans, numbers, strings, and dicts, lists and tuples of them."""
    if isinstance(node, ast.Expression):
        return is_literal(node.body, text)
    if isinstance(node, ast.Dict):
        return all(key is not None and is_literal(key, text) for key in node.keys) and all(is_literal(v, text) for v in node.values)
    if isinstance(node, (ast.List, ast.Tuple)):
        return all(is_literal(inner, text) for inner in node.elts)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.UAdd, ast.USub)) and is_number(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        # Python prints control characters as escapes.
        return not any(character < " " for character in ast.get_source_segment(text, node))
    return is_number(node) or (isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool)))


def is_number(node):
    if isinstance(node, ast.Name):
        return node.id in ("nan", "inf", "NaN", "Infinity")
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)


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
            literal = is_literal(ast.parse(text, mode="eval"), text)
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
