"""What the tests of the package in a wheel share, whichever way it was built."""
import base64
import csv
import hashlib
import re
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "bindings" / "python" / "expmig"
LICENCES = ("LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-NOTICES.md")

# A program for a fresh environment; its arguments are the environment's folder and a copy of the real data.
PROGRAM = """
import sys
import expmig
assert expmig.__file__.startswith(sys.argv[1]), expmig.__file__
expmig.install_as_experiment_manager()
from experiment_manager.db.data_migration import DataMigrationManager
from experiment_manager.db.manager import DatabaseManager
for isolation in (None, "process"):
    with DatabaseManager(sys.argv[2], use_sqlite=True, isolation=isolation) as db:
        result = DataMigrationManager(db).migrate_experiment(1)
        assert result.source_digest == result.target_digest and result.items_processed == 4854
print(expmig.__version__)
"""


def check(test, wheel):
    """Checks what is in a wheel, and answers the glibc that its name asks for: "linux" if none is named, or (2, 34) and the like."""
    found = re.fullmatch(r"expmig-([0-9.]+)-(py3-none-(?:manylinux_(\d+)_(\d+)|linux)_\w+)\.whl", wheel.name)
    test.assertTrue(found, wheel.name)
    version, tag = found[1], found[2]
    about = f"expmig-{version}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    made = {"_declarations.py", "_version.py", "libexpmig.so", "bin/expmig"}
    modules = {f"expmig/{name}" for name in made | {file.name for file in MODULES.iterdir() if file.name != "__pycache__"}}
    licences = {f"{about}/licenses/{name}" for name in LICENCES}
    test.assertEqual(set(files), modules | licences | {f"{about}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt")})
    test.assertIn("expmig/py.typed", files)
    test.assertEqual(files[f"{about}/entry_points.txt"].decode().split(), ["[console_scripts]", "expmig", "=", "expmig._command:main"])
    for name in LICENCES:
        test.assertEqual(files[f"{about}/licenses/{name}"], (ROOT / name).read_bytes())
    metadata = files[f"{about}/METADATA"].decode()
    for line in (f"Version: {version}", "Requires-Python: >=3.9", "License-Expression: MIT OR Apache-2.0", *(f"License-File: {name}" for name in LICENCES)):
        test.assertIn(f"\n{line}\n", metadata)
    test.assertNotIn("Requires-Dist", metadata, "nothing but the standard library is needed")
    test.assertIn(f"\nTag: {tag}\n", files[f"{about}/WHEEL"].decode())
    test.assertIn("\nRoot-Is-Purelib: false\n", files[f"{about}/WHEEL"].decode())
    listed = {row[0]: row[1] for row in csv.reader(files[f"{about}/RECORD"].decode().splitlines()) if not row[0].endswith("/")}
    test.assertEqual(set(listed), set(files))
    for name, content in files.items():
        if not name.endswith("/RECORD"):
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            test.assertEqual(listed[name], f"sha256={digest}", name)
    return (int(found[3]), int(found[4])) if found[3] else "linux"


def check_command(test, call, environment, database):
    """Checks the console command of an environment in which the wheel is installed: `call` runs a program and answers what it prints."""
    for command in ([environment / "bin" / "expmig"], [environment / "bin" / "python", "-m", "expmig"]):
        test.assertRegex(call(*command, "--version"), r"^expmig \d+\.\d+\.\d+\n$")
        test.assertIn("Digits classification", call(*command, "list", database))
