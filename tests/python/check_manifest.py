"""Checks manifests of snapshots against their JSON Schema, and against the files they describe.

    check_manifest.py SCHEMA MANIFEST...
"""
import json
import os
import sqlite3
import sys

import blake3
import jsonschema


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    files = 0
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            manifest = json.load(f)
        validator.validate(manifest)
        # A schema that accepts everything would prove nothing.
        for field in schema["required"]:
            if validator.is_valid({**manifest, field: 1.5}):
                sys.exit(f"the schema lets {field} be 1.5")
        database = path.removesuffix(".json") + ".db"
        assert manifest["id"] == os.path.basename(path).removesuffix(".json")
        with open(database, "rb") as f:
            content = f.read()
        assert manifest["size"] == len(content)
        assert manifest["blake3"] == blake3.blake3(content).hexdigest()
        connection = sqlite3.connect(database)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for table, rows in manifest["statistics"]["tables"].items():
            assert connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (rows,), table
        connection.close()
        files += 1
    print(f"{len(sys.argv) - 2} manifests, {files} files")


main()
