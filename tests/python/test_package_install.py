"""The package as pip builds and installs it from a checkout, into a fresh environment. With the library of this build's profile and folder, so
that nothing is compiled twice."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import venv
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
import wheels

class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="expmig-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        cls.environment.update(EXPMIG_CARGO_PROFILE="dev", CARGO_TARGET_DIR=str(binding.TARGET), PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_QUIET="1",
                               CARGO_TERM_QUIET="true")
        venv.create(cls.folder / "venv", with_pip=True)
        cls.python = str(cls.folder / "venv" / "bin" / "python")

    def call(self, *command, **options):
        done = subprocess.run(list(map(str, command)), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_pip_builds_a_wheel_that_works_in_a_fresh_environment(self):
        self.call(self.python, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", self.folder / "wheels", binding.BINDING)
        wheel, = (self.folder / "wheels").iterdir()
        self.assertEqual(wheels.check(self, wheel), "linux")
        # What `make wheel` makes of it: a wheel that brings nothing along.
        audited = json.loads(self.call(sys.executable, "-m", "auditwheel", "show", "--json", wheel))
        self.assertRegex(audited["overall_tag"], r"^manylinux_2_\d+_\w+$")
        self.assertEqual(audited["external_libs"], {})

        self.call(self.python, "-m", "pip", "install", "--no-index", wheel)
        database = shutil.copy(binding.DIGITS, self.folder / "experiments.db")
        version = self.call(self.python, "-W", "error", "-c", wheels.PROGRAM, self.folder / "venv", database, cwd=self.folder)
        self.assertIn(f"-{version.strip()}-", wheel.name)
        self.call(self.python, "-m", "pip", "check")
        wheels.check_command(self, self.call, self.folder / "venv", database)
        # With its own status, and a pipe that is closed ends it as it ends others.
        failed = subprocess.run([self.folder / "venv" / "bin" / "expmig", "list", "missing.db"], stderr=subprocess.PIPE, text=True)
        self.assertEqual(failed.returncode, 13, failed.stderr)

    def test_a_source_distribution_has_the_crate(self):
        requirement, = (line for line in (binding.BINDING / "pyproject.toml").read_text().splitlines() if line.startswith("requires = "))
        self.call(self.python, "-m", "pip", "install", *eval(requirement.partition("=")[2]))
        program = "import sys, setuptools.build_meta as backend; backend.build_sdist(sys.argv[1])"
        self.call(self.python, "-c", program, self.folder, cwd=binding.BINDING)
        archive, = self.folder.glob("expmig-*.tar.gz")
        (self.folder / "source").mkdir()
        self.call("tar", "-xzf", archive, "-C", self.folder / "source")
        source, = (self.folder / "source").iterdir()
        # What pip builds from is there, and cargo can read it.
        for name in (*wheels.LICENCES, "pyproject.toml", "setup.py", "declare.py", "header.py", "assemble.py", "expmig/__init__.py", "crate/include/expmig.h", "crate/build.rs", "crate/Cargo.lock"):
            self.assertTrue((source / name).is_file(), name)
        self.call("cargo", "metadata", "--locked", "--no-deps", "--format-version=1", "--manifest-path", source / "crate" / "Cargo.toml")
        found = self.call(self.python, "-c", "import assemble; print(assemble.crate(), assemble.version())", cwd=source).split()
        self.assertEqual(found, [str((source / "crate").resolve()), binding.expmig.__version__])

    def test_sources_that_are_not_there_are_named(self):
        alone = shutil.copytree(binding.BINDING, self.folder / "alone")
        done = subprocess.run([sys.executable, alone / "assemble.py", self.folder / "package"], stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("install from a checkout, with pip 21.3 or newer", done.stderr)

    def test_sources_that_were_not_built_say_so(self):
        done = subprocess.run([sys.executable, "-c", "import expmig; expmig.DatabaseManager('x.db')"], cwd=binding.BINDING, stderr=subprocess.PIPE,
                              text=True, env=self.environment)
        self.assertIn("ImportError: these are the sources of the package; build and install it", done.stderr)

    def test_a_missing_cargo_is_named(self):
        done = subprocess.run([sys.executable, binding.BINDING / "assemble.py", self.folder / "package"], stderr=subprocess.PIPE, text=True,
                              env={**self.environment, "CARGO": "cargo-that-is-not-there"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("expmig is built with Rust", done.stderr)


if __name__ == "__main__":
    unittest.main()
