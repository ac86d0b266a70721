"""Checks export documents against their JSON Schema.

    check_document.py SCHEMA [--change] DOCUMENT...

With --change, also that the schema refuses the documents with one key or value changed into what cannot be.
"""
import copy
import json
import sys

import jsonschema


def objects(value, path=()):
    """Every object that the page names, and where it is."""
    if isinstance(value, dict):
        yield path, value
        for key, inner in value.items():
            if key not in ("per_label_val", "extra_columns", "link_extra_columns", "counts", "left_out"):
                yield from objects(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from objects(inner, (*path, at))


def changed(document, path, key, value):
    document = copy.deepcopy(document)
    inner = document
    for step in path:
        inner = inner[step]
    inner[key] = value
    return document


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    refused = 0
    paths = [argument for argument in sys.argv[2:] if argument != "--change"]
    for path in paths:
        with open(path, encoding="utf-8") as f:
            document = json.load(f)
        validator.validate(document)
        if "--change" not in sys.argv:
            continue
        # A schema that accepts everything would prove nothing: every kind of object refuses keys and values that cannot be.
        kinds = {}
        for where, value in objects(document):
            name = [step for step in where if isinstance(step, str)][-1:]
            if "$" not in "".join(value):
                kinds.setdefault((*name, *sorted(value)), (where, value))
        for where, value in kinds.values():
            bad = {"per_label_val": {"surplus": 1, "$text": "x"}, "extra_columns": {"a": [1]}, "link_extra_columns": {"a": True},
                   "left_out": {"surplus": -1}}
            wrong = [("surplus", 1)] + [(key, bad.get(key, {"surplus": 1})) for key in value]
            for key, bad in wrong:
                if validator.is_valid(changed(document, where, key, bad)):
                    sys.exit(f"{path}: the schema lets {key} of {where} be {bad}")
                refused += 1
    print(f"OK {len(paths)} documents, {refused} changes refused")


main()
