"""Builds the package for pip: the library by cargo, the declarations out of the header."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

sys.path.insert(0, str(Path(__file__).resolve().parent))
import assemble  # noqa: E402


class Build(build_py):
    """The modules, and what is made."""

    def run(self):
        # Modules of an earlier build that are gone meanwhile would stay.
        shutil.rmtree(Path(self.build_lib) / "expmig", ignore_errors=True)
        super().run()
        built = os.environ.get("EXPMIG_LIBRARY")
        assemble.complete(Path(self.build_lib) / "expmig", Path(built) if built else assemble.build_library())


class Wheel(bdist_wheel):
    """A wheel for every Python 3 of one platform: ctypes needs no Python headers."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class Source(sdist):
    """A source distribution with the crate in it."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        with tempfile.TemporaryDirectory() as folder:
            command = [os.environ.get("CARGO", "cargo"), "package", "--no-verify", "--allow-dirty", "--locked", "--quiet"]
            subprocess.run([*command, "--manifest-path", str(assemble.crate() / "Cargo.toml"), "--target-dir", folder], check=True)
            (made,) = Path(folder).glob("package/*.crate")
            subprocess.run(["tar", "-xzf", str(made), "-C", folder], check=True)
            shutil.move(Path(folder) / made.stem, Path(base_dir) / "crate")


class Binary(Distribution):
    """Has a library, so that the wheel is not for every platform."""

    def has_ext_modules(self):
        return True


setup(version=assemble.version(), distclass=Binary, cmdclass={"build_py": Build, "bdist_wheel": Wheel, "sdist": Source})
