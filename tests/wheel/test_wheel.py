"""The wheel that `make wheel` has built (in EXPMIG_WHEELS): what is in it, and that it works in clean environments of every Python that is there.

The Pythons are python3.9, python3.10 and so on of PATH, if they run, and the one that runs this, which has to have what packaging/wheel.sh needs.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))
import wheels

# Also what does not exist yet.
MINORS = range(9, 21)
# What every Linux with glibc has; the rest would have to be in the wheel.
SYSTEM = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"}


def interpreters():
    """The Pythons of which environments can be made, by their version."""
    program = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    found = {}
    for name in [*(f"python3.{minor}" for minor in MINORS), sys.executable]:
        path = shutil.which(name)
        done = path and subprocess.run([path, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done and done.returncode == 0:
            found.setdefault(done.stdout.strip(), path)
    return found


class Wheel(unittest.TestCase):
    def setUp(self):
        self.wheel, = Path(os.environ["EXPMIG_WHEELS"]).resolve().glob("*.whl")
        folder = tempfile.TemporaryDirectory(prefix="expmig-wheel-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def call(self, *command, **options):
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def library(self):
        with zipfile.ZipFile(self.wheel) as archive:
            return Path(archive.extract("expmig/libexpmig.so", self.folder))

    def test_its_name_says_what_the_library_needs(self):
        glibc = wheels.check(self, self.wheel)
        library = self.library()
        versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([0-9.]+)", self.call("objdump", "-T", library))}
        # manylinux_2_17 is the oldest that a wheel of today can name.
        self.assertEqual(glibc, max(versions | {(2, 17)}))
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", self.call("readelf", "-d", library)))
        self.assertEqual({name for name in needed - SYSTEM if not name.startswith("ld-linux")}, set())
        self.assertRegex(self.call("readelf", "-d", library), r"\(SONAME\).*\[libexpmig\.so\.[0-9.]+\]")

    def test_the_guide_says_where_it_runs(self):
        platform = re.search(r"-(manylinux_\w+)\.whl$", self.wheel.name)[1]
        for page in ("docs/install.md", "docs/python.md"):
            self.assertIn(platform, (ROOT / page).read_text(encoding="utf-8"), page)

    def test_no_file_of_the_machine_that_built_it_is_named(self):
        content = self.library().read_bytes()
        for path in (ROOT, Path.home() / ".cargo", Path(os.environ.get("CARGO_HOME", "/no cargo"))):
            self.assertFalse(os.fsencode(path) in content, path)

    def test_the_same_sources_make_the_same_wheel(self):
        again = self.folder / "again"
        self.call("sh", ROOT / "packaging" / "wheel.sh", again, env={**os.environ, "PYTHON": sys.executable})
        self.assertEqual((again / self.wheel.name).read_bytes(), self.wheel.read_bytes())

    def test_it_works_in_clean_environments(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        quick_start, = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
        found = interpreters()
        self.assertIn("%d.%d" % sys.version_info[:2], found, "the Python that runs this test makes environments")
        print("Python", *found, file=sys.stderr)
        # Neither a compiler nor cargo is there, and no index.
        environment = {"PATH": str(self.folder / "nothing"), "HOME": str(self.folder), "LANG": "C.UTF-8"}
        for version, interpreter in found.items():
            with self.subTest(version):
                place = self.folder / version
                self.call(interpreter, "-m", "venv", place, env={**environment, "PATH": os.environ["PATH"]})
                python = place / "bin" / "python"
                before = {file for file in place.rglob("*") if "__pycache__" not in str(file)}
                pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet"]
                self.call(*pip, "install", "--no-index", "--only-binary", ":all:", self.wheel, env=environment)
                self.call(*pip, "check", env=environment)
                data = ROOT / "tests" / "data" / "digits.db"
                database = shutil.copy(data, place / "experiments.db")
                printed = self.call(python, "-W", "error", "-c", wheels.PROGRAM, place, database, cwd=self.folder, env=environment)
                self.assertIn(f"expmig-{printed.strip()}-", self.wheel.name)
                shutil.copy(data, database)
                wheels.check_command(self, lambda *command: self.call(*command, env=environment), place, database)
                printed = self.call(python, "-W", "error", "-c", quick_start, cwd=place, env=environment)
                self.assertTrue(printed.endswith("100%\ncopied as experiment 4\n"), printed)
                os.remove(database)
                self.call(*pip, "uninstall", "--yes", "expmig", env=environment)
                after = {file for file in place.rglob("*") if "__pycache__" not in str(file)}
                self.assertEqual({file for file in after ^ before if file.name != "snapshots"}, set())


if __name__ == "__main__":
    unittest.main()
