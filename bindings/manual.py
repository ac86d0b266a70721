"""Makes the man page expmig(3) of include/expmig.h."""
from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))
from header import Callback, Function, Header, Named, Struct  # noqa: E402

# What is in Cargo.toml stands there.
ABOUT = "embeddable migration engine for experiment\\-tracking databases"
# The first line of a paragraph that says what a parameter is.
ITEM = re.compile(r"((?:`\w+`, )*`\w+`): (.*)", re.DOTALL)
WIDTH = 79

SYNOPSIS = """\
.SH SYNOPSIS
.nf
.B #include <expmig.h>
.PP
cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs expmig)
.fi"""

SEE_ALSO = """\
.SH SEE ALSO
.BR pkg\\-config (1)
.PP
The documents whose names begin with docs/ come with the library."""


def plain(text: str) -> str:
    """Text in which nothing means anything to roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def marked(text: str) -> str:
    """A comment's text, with what stands between backticks in italics."""
    parts = plain(text.replace("`", "\0")).split("\0")
    return "".join(f"\\fI{part}\\fR" if at % 2 else part for at, part in enumerate(parts))


def filled(text: str) -> list[str]:
    """Text in lines that are not too long: it is filled anyway."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    # A line must not begin with what roff takes for a request.
    return [re.sub(r"^([.'])", r"\\&\1", one) for one in [*lines, line] if one]


def paragraphs(comment: str) -> list[str]:
    """The lines of a comment, in roff: paragraphs, parameters and lists."""
    made: list[str] = []
    for block in comment.split("\n\n"):
        lines = block.split("\n")
        # Whatever follows the first line of a parameter, or of an entry, belongs to it.
        starts = [at for at, line in enumerate(lines) if at == 0 or line.startswith("- ") or ITEM.match(line)]
        for start, end in zip(starts, [*starts[1:], len(lines)]):
            text = "\n".join(lines[start:end])
            item = ITEM.fullmatch(text)
            if item:
                made += [".TP", marked(item[1]), *filled(marked(item[2]))]
            elif text.startswith("- "):
                made += [".IP \\(bu 2", *filled(marked(text[2:]))]
            else:
                made += [".PP", *filled(marked(text))]
    return made


def prototype(begin: str, parameters: list[Named]) -> list[str]:
    """A prototype, as it is: a line for each parameter where there is more than one."""
    shown = [str(one) for one in parameters] or ["void"]
    lines = [f"{begin}({shown[0]}"] if len(shown) == 1 else [f"{begin}(", *(f"    {one}," for one in shown[:-1]), f"    {shown[-1]}"]
    lines[-1] += ");"
    return [".PP", ".nf", *(f"\\fB{plain(line)}\\fR" for line in lines), ".fi"]


class Manual:
    def __init__(self, header: Header):
        self.header = header

    def _version(self) -> str:
        parts = {one.name: one.value for one in self.header.constants}
        return ".".join(str(parts[f"EXPMIG_VERSION_{part}"]) for part in ("MAJOR", "MINOR", "PATCH"))

    def _constants(self) -> list[str]:
        made = [".SH CONSTANTS"]
        for one in self.header.constants:
            made += [".TP", f".BR {one.name} \" = {plain(one.text)}\"", *filled(marked(one.comment or "Of this header."))]
        return made

    def _types(self) -> list[str]:
        made = [".SH TYPES"]
        for one in (*self.header.aliases, *self.header.opaque):
            made += [f".SS {one.name}", *paragraphs(one.comment)[1:]]
        for struct in self.header.structs:
            made += [f".SS {struct.name}", *paragraphs(struct.comment)[1:], *self._fields(struct)]
        return made

    @staticmethod
    def _fields(struct: Struct) -> list[str]:
        made = []
        for one in struct.fields:
            made += [".TP", f".B {plain(str(one))}", *filled(marked(one.comment))]
        return made

    @staticmethod
    def _called(title: str, functions: list[Callback] | list[Function]) -> list[str]:
        made = [f".SH {title}"]
        for one in functions:
            begin = one.result.before(f"(*{one.name})" if isinstance(one, Callback) else one.name)
            made += [f".SS {one.name}", *prototype(begin, one.parameters)[1:], *paragraphs(one.comment)]
        return made

    def source(self) -> str:
        # The first lines are about the file, and it has no conventions but those below them.
        about, conventions = self.header.introduction.split("in short:")
        names = [one.name for one in self.header.functions]
        lines = [
            '.\\" Made of include/expmig.h by `make generated`; do not edit.',
            # install.sh reads this.
            f'.\\" Pages that lead here: {" ".join(names)}',
            # No date: the page is that of a version, and is the same whenever it is made.
            f'.TH EXPMIG 3 "" "expmig {self._version()}" "C API"',
            # Names of functions and constants are not to be broken.
            ".nh", ".ad l",
            ".SH NAME", f"expmig \\- {ABOUT}",
            SYNOPSIS,
            ".SH DESCRIPTION", *filled(plain(f"{about.split(chr(10))[0].removeprefix('expmig: ').capitalize()}")),
            ".PP", "What holds for all of it:", *paragraphs(conventions.strip()),
            *self._constants(), *self._types(),
            *self._called("CALLBACKS", self.header.callbacks), *self._called("FUNCTIONS", self.header.functions),
            SEE_ALSO,
        ]
        return "\n".join(lines) + "\n"


def page(header: str) -> str:
    """The man page for the text of a header."""
    return Manual(Header(header)).source()
