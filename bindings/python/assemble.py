"""Puts the package together: its modules, the declarations made of the header, the version, the library, and the command where it was built beside it.

    python assemble.py FOLDER --library LIBRARY [--link]    with a library that is built already
    python assemble.py FOLDER                                builds it first

The environment says how it is built: EXPMIG_SYSTEM_SQLITE=1 links the system's SQLite, without the command, EXPMIG_CARGO_PROFILE is the profile (default
"release"), CARGO the program, CARGO_TARGET_DIR cargo's own folder. setup.py does the same for pip.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from declare import declarations  # noqa: E402


def crate() -> Path:
    """The folder of the crate: beside the bindings, or inside of a source distribution."""
    for folder in (HERE / "crate", HERE.parent.parent):
        if (folder / "Cargo.toml").is_file() and (folder / "include" / "expmig.h").is_file():
            return folder
    sys.exit(
        f"the sources of expmig are not around {HERE}: install from a checkout, with pip 21.3 or newer, which builds where the sources are"
    )


def version() -> str:
    found = re.search(r'^version = "([^"]+)"$', (crate() / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        sys.exit("Cargo.toml has no version")
    return found[1]


def build_library() -> Path:
    """Builds the shared library and answers where it is."""
    cargo = os.environ.get("CARGO", "cargo")
    if not shutil.which(cargo):
        sys.exit(f"{cargo} is not there; expmig is built with Rust, see https://rustup.rs")
    profile = os.environ.get("EXPMIG_CARGO_PROFILE", "release")
    system = os.environ.get("EXPMIG_SYSTEM_SQLITE", "0") not in ("", "0")
    features = ["--no-default-features", "--features", "system-sqlite"] if system else []
    if profile == "release":
        # As `make install` does, but for speed whatever the size.
        target = Path(os.environ.get("CARGO_TARGET_DIR", crate() / "target")) / "python"
        command = ["sh", str(crate() / "packaging" / "build.sh"), str(target), "--config", "profile.release.opt-level=3", *features]
        # A program is linked against the SQLite of the machine that builds it, which may be older than the one it is to run with.
        environment = {**os.environ, "EXPMIG_COMMAND": "no"} if system else None
        if subprocess.run(command, check=False, env=environment).returncode:
            sys.exit(f"the build failed: {' '.join(command)}")
        return target / "dist" / "libexpmig.so"
    command = [
        cargo, "build", "--lib", *([] if system else ["--bin", "expmig", "--features", "cli"]), "--locked", "--profile", profile,
        "--manifest-path", str(crate() / "Cargo.toml"), "--message-format", "json-render-diagnostics", *features,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        sys.exit(f"cargo failed: {' '.join(command)}")
    for line in reversed(done.stdout.splitlines()):
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["target"]["name"] == "expmig" and "lib" in message["target"]["kind"]:
            for name in message["filenames"]:
                if name.endswith(".so"):
                    return Path(name)
    sys.exit("cargo built no shared library")


def refuse_unusable(library: Path) -> None:
    """The linker does not notice that the system's SQLite is too old: the library could not be loaded then."""
    program = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", program, str(library)], stderr=subprocess.PIPE, check=False, text=True)
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2]
        old = " (a build for the system's SQLite needs SQLite 3.45.3 or newer)" if "sqlite3_" in why else ""
        sys.exit(f"the library cannot be loaded{old}: {why}")


def complete(package: Path, library: Path, link: bool = False) -> None:
    """Adds to the modules in a folder what is made and not written."""
    refuse_unusable(library)
    header = (crate() / "include" / "expmig.h").read_text(encoding="utf-8")
    (package / "_declarations.py").write_text(declarations(header), encoding="utf-8")
    (package / "_version.py").write_text(f'"""The version of the package."""\n__version__ = "{version()}"\n', encoding="utf-8")
    put(library, package / "libexpmig.so", link)
    # build.sh leaves both in one folder, and so does cargo.
    command = library.resolve().parent / "expmig"
    if os.access(command, os.X_OK):
        (package / "bin").mkdir(exist_ok=True)
        put(command, package / "bin" / "expmig", link)


def put(file: Path, there: Path, link: bool) -> None:
    """Copies a library or a program, or links to it."""
    there.unlink(missing_ok=True)
    if link:
        there.symlink_to(file.resolve())
        return
    shutil.copy2(file, there)
    # Most of it is line numbers for debuggers.
    if shutil.which("strip"):
        subprocess.run(["strip", "--strip-debug", str(there)], check=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Puts the Python package together.")
    arguments.add_argument("folder", type=Path, help="where the package expmig is put")
    arguments.add_argument("--library", type=Path, help="a shared library that is built already")
    arguments.add_argument("--link", action="store_true", help="link to the library instead of copying it")
    asked = arguments.parse_args()
    library = asked.library or build_library()
    package = asked.folder / "expmig"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(HERE / "expmig", package, ignore=shutil.ignore_patterns("__pycache__"))
    complete(package, library, asked.link)


if __name__ == "__main__":
    main()
