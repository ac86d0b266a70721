"""Builds the package for pip: the library by cargo, the declarations out of the header."""
import shutil
import subprocess
import sys
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
        super().run()
        assemble.complete(Path(self.build_lib) / "expmig", assemble.build_library())


class Wheel(bdist_wheel):
    """A wheel for every Python 3 of one platform: ctypes needs no Python headers."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class Source(sdist):
    """A source distribution with the crate in it."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        crate = assemble.crate()
        command = ["cargo", "package", "--list", "--allow-dirty", "--manifest-path", str(crate / "Cargo.toml")]
        listed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.split("\n")
        for name in filter(lambda name: (crate / name).is_file(), listed):
            target = Path(base_dir) / "crate" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(crate / name, target)


class Binary(Distribution):
    """Has a library, so that the wheel is not for every platform."""

    def has_ext_modules(self):
        return True


setup(version=assemble.version(), distclass=Binary, cmdclass={"build_py": Build, "bdist_wheel": Wheel, "sdist": Source})
