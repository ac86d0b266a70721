#!/usr/bin/env python3
"""Prints THIRD-PARTY-NOTICES.md: the licences of what is compiled into the library on Linux, out of the crates that Cargo.lock names.

Where a crate offers a choice, the first of CHOICES is taken. A text that several crates have stands once.
cargo-about would list crates that only run in the compiler, and takes many minutes to install.
"""
import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")
# What is taken of a choice, and how its file is told from those of the others.
CHOICES = (("MIT", r"mit", r"Permission is hereby granted, free of charge"), ("ISC", r"isc", r"Permission to use, copy, modify"),
           ("Zlib", r"zlib", r"altered source versions"), ("Apache-2.0", r"apache", r"Apache License"))
SOURCES = (".rs", ".py", ".c", ".h")
FILE = re.compile(r"(un)?licen[cs]e|copying|notice", re.IGNORECASE)

HEAD = """# Third-party notices

Beside its own code ([MIT](LICENSE-MIT) or [Apache-2.0](LICENSE-APACHE)), libexpmig and the command expmig have the following compiled into them on Linux; some of it in the command alone. Where there is a choice of licences, one is taken.
Made by `make notices`; what one build consists of is in its `expmig.cdx.json`.

## SQLite
In the public domain, by its authors (https://sqlite.org/copyright.html):

> The author disclaims copyright to this source code. In place of a legal notice, here is a blessing:
>
> - May you do good and not evil.
> - May you find forgiveness for yourself and forgive others.
> - May you share freely, never taking more than you give.

## Rust standard library
Copyright The Rust Project Developers (https://thanks.rust-lang.org), MIT or Apache-2.0, with parts of others: the compiler's builtins, which are partly LLVM's (Apache-2.0 with the LLVM exception, https://llvm.org/LICENSE.txt)
and partly musl's (MIT, Copyright 2005-2020 Rich Felker and others); tables of Unicode (Unicode-3.0); and the crates addr2line, adler2, cfg-if, gimli, hashbrown, libc, memchr, miniz_oxide, object and rustc-demangle,
each under MIT, or Apache-2.0 or another at choice. The texts of MIT, Apache-2.0 and Unicode-3.0 are below; every single notice is in `COPYRIGHT-library.html` of the Rust release, beside the compiler.

## uPlot
The plotting library in the pages of `expmig report`, [uPlot 1.6.32](https://github.com/leeoniya/uPlot), MIT:

````text
{uplot}
````

## ring
The crate ring, below, has code of BoringSSL and OpenSSL; its licence says so.
"""


def cargo(*arguments):
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--manifest-path", str(ROOT / "Cargo.toml"), "--locked"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def linked():
    """Name and version of each crate that ends in the library or in the command."""
    found = set()
    for target in TARGETS:
        listed = cargo("tree", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}", "--target", target, "--features", "cli")
        found.update(tuple(line.split()[:2]) for line in listed.splitlines())
    return {(name, version.lstrip("v")) for name, version in found if name != "expmig"}


def texts(package):
    """The licences of a crate that hold: names of files and what is in them."""
    folder = Path(package["manifest_path"]).parent
    named = {package["license_file"]} if package["license_file"] else set()
    # Also those of code of others below.
    files = {str(path.relative_to(folder)): path.read_text(encoding="utf-8").strip() for path in sorted(folder.rglob("*"))
             if path.is_file() and path.suffix not in SOURCES and (FILE.match(path.name) or path.name in named)}
    expression = package["license"] or ""
    offered = set(re.split(r"\s+OR\s+|/", expression))
    if " AND " in expression or len(offered) < 2:
        return files
    for choice, name, words in CHOICES:
        if choice in offered:
            chosen = {file: text for file, text in files.items() if re.search(name, file, re.IGNORECASE) or re.search(words, text)}
            # One file may hold all of them.
            return {file: text for file, text in chosen.items() if re.search(words, text)} or chosen
    sys.exit(f"{package['name']}: none of {sorted(offered)} is in CHOICES of {__file__}")


def main():
    packages = {(one["name"], one["version"]): one for one in json.loads(cargo("metadata", "--format-version", "1", "--features", "cli"))["packages"]}
    users, without = collections.defaultdict(list), []
    for key in sorted(linked()):
        found = texts(packages[key])
        for text in found.values():
            users["\n".join(line.rstrip() for line in text.splitlines())].append(key)
        if not found:
            without.append(key)

    def line(key):
        one = packages[key]
        return f"- [{key[0]} {key[1]}]({one['repository'] or 'https://crates.io/crates/' + key[0]}), {one['license'] or 'licence in a file'}"

    print(HEAD.replace("{uplot}", (ROOT / "src" / "report" / "assets" / "uplot-LICENSE.txt").read_text(encoding="utf-8").strip()))
    if without:
        print("## Crates without a text\nThey name their licence, whose text is below, and their authors:\n")
        for key in without:
            print(line(key) + (", " + ", ".join(packages[key]["authors"]) if packages[key]["authors"] else ""))
        print()
    for text, keys in sorted(users.items(), key=lambda one: one[1]):
        print("## " + ", ".join(name for name, _ in keys) + "\n")
        print("\n".join(map(line, keys)) + f"\n\n````text\n{text}\n````\n")


if __name__ == "__main__":
    main()
