"""Reads include/expmig.h: what it declares, in its order, with the comments.

The header is generated, so its text is regular; whatever in it is not understood here stops the build. So what is made of it (the
declarations for ctypes and for koffi, the man page) cannot differ from it, and it cannot differ from the library.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field

INTEGERS = ("int32_t", "uint32_t", "int64_t", "uint64_t", "uint8_t", "size_t", "double")
LIMITS = {"INT64_MIN": -(2 ** 63)}


class Unknown(Exception):
    """The header has something that this module does not know."""


@dataclass
class Type:
    """A type of C: `const char *` has the base "char" and one star, and is constant."""

    base: str
    stars: int
    # Whether what the first star leads to is constant.
    constant: bool
    # As the header writes it.
    text: str

    def __str__(self) -> str:
        return f"{'const ' if self.constant else ''}{self.base}{' ' if self.stars else ''}{'*' * self.stars}"

    def before(self, name: str) -> str:
        """The type and what is of it, as the header writes them."""
        return f"{self.text}{'' if self.text.endswith('*') else ' '}{name}"


@dataclass
class Named:
    """A field or a parameter."""

    name: str
    type: Type
    comment: str = ""

    def __str__(self) -> str:
        return self.type.before(self.name)


@dataclass
class Constant:
    name: str
    value: int
    # As the header writes it.
    text: str
    comment: str


@dataclass
class Opaque:
    """A struct of which nothing is known."""

    name: str
    comment: str


@dataclass
class Struct:
    name: str
    comment: str
    fields: list[Named]


@dataclass
class Alias:
    name: str
    comment: str
    target: str


@dataclass
class Callback:
    """A pointer to a function of the caller's."""

    name: str
    comment: str
    result: Type
    parameters: list[Named]


@dataclass
class Function:
    name: str
    comment: str
    result: Type
    parameters: list[Named]


@dataclass
class Header:
    """What a header declares. `order` has all of it, as it stands there."""

    text: str
    introduction: str = ""
    constants: list[Constant] = field(default_factory=list)
    opaque: list[Opaque] = field(default_factory=list)
    structs: list[Struct] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    order: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known = {"void", "char", *INTEGERS}
        self._comments: list[str] = []
        text = re.sub(r"/\*.*?\*/", self._set_aside, self.text, flags=re.DOTALL)
        # The structs of the Arrow C data interface, which are the same everywhere; functions take the address of one.
        text, guards = re.subn(r"#ifndef (ARROW_C_\w+)\n#define \1\n.*?\n#endif\n", "", text, flags=re.DOTALL)
        if guards:
            self._type_named(self.opaque, Opaque("ArrowArrayStream", "A stream of the Arrow C stream interface."))
        text = re.sub(r'extern "C" \{|^\}$', "", self._directives(text), flags=re.MULTILINE)
        for statement in self._statements(text):
            self._statement(" ".join(statement.split()))

    # Comments. While the text is read, "@3@" stands for the fourth.

    def _set_aside(self, found: re.Match[str]) -> str:
        lines = found[0].strip("/*").strip().split("\n")
        comment = "\n".join(re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines)
        if not found[0].startswith("/**"):
            self.introduction = self.introduction or comment
            return " "
        self._comments.append(comment)
        return f"@{len(self._comments) - 1}@"

    def _comment(self, mark: str | None) -> str:
        return self._comments[int(mark)] if mark else ""

    def _directives(self, text: str) -> str:
        """Takes the numbers out of the preprocessor's lines, and these out of the text."""
        kept: list[str] = []
        for line in text.split("\n"):
            if not line.startswith("#"):
                kept.append(line)
                continue
            number = re.fullmatch(r"#define (EXPMIG_\w+) (-?\d+|INT64_MIN)\s*", line)
            if number:
                mark = re.fullmatch(r"@(\d+)@", kept[-1]) if kept else None
                if mark:
                    kept.pop()
                value = number[2]
                number_value = LIMITS[value] if value in LIMITS else int(value)
                self._add(self.constants, Constant(number[1], number_value, value, self._comment(mark and mark[1])))
            elif not re.match(r"#(ifndef|if|ifdef|else|endif|include)\b|#define EXPMIG_(H|API|MUST_USE)\b", line):
                raise Unknown(line)
        return "\n".join(kept)

    @staticmethod
    def _statements(text: str) -> list[str]:
        """What ends with a semicolon outside of braces."""
        found, depth, start = [], 0, 0
        for at, sign in enumerate(text):
            depth += (sign == "{") - (sign == "}")
            if sign == ";" and depth == 0:
                found.append(text[start:at])
                start = at + 1
        if text[start:].strip():
            raise Unknown(text[start:].strip())
        return found

    def _statement(self, text: str) -> None:
        text = re.sub(r"\bEXPMIG_(API|MUST_USE)\b ?", "", text)
        mark = re.match(r"(?:@(\d+)@ ?)?", text)
        assert mark
        comment, text = self._comment(mark[1]), text[mark.end():]
        opaque = re.fullmatch(r"typedef struct (\w+) (\w+)", text)
        struct = re.fullmatch(r"typedef struct (\w+) \{(.*)\} (\w+)", text)
        callback = re.fullmatch(r"typedef (.+?) ?\(\*(\w+)\)\((.*)\)", text)
        alias = re.fullmatch(r"typedef (\w+) (\w+)", text)
        function = re.fullmatch(r"([^@]+?)\b(expmig_\w+)\(([^@]*)\)", text)
        if opaque and opaque[1] == opaque[2]:
            self._type_named(self.opaque, Opaque(opaque[1], comment))
        elif struct and struct[1] == struct[3]:
            fields = [self._named(one) for one in struct[2].split(";") if one.strip()]
            self._type_named(self.structs, Struct(struct[1], comment, fields))
        elif callback:
            made = Callback(callback[2], comment, self._type(callback[1]), self._parameters(callback[3]))
            self._type_named(self.callbacks, made)
        elif alias and alias[1] in self._known:
            self._type_named(self.aliases, Alias(alias[2], comment, alias[1]))
        elif function:
            made_function = Function(function[2], comment, self._type(function[1]), self._parameters(function[3]))
            self._add(self.functions, made_function)
        else:
            raise Unknown(text)

    def _add(self, kind: list, made: object) -> None:
        kind.append(made)
        self.order.append(made)

    def _type_named(self, kind: list, made: Opaque | Struct | Alias | Callback) -> None:
        self._known.add(made.name)
        self._add(kind, made)

    def _named(self, declaration: str) -> Named:
        """Splits "const char *name" into the type and the name."""
        parts = re.fullmatch(r"(?:@(\d+)@)?([^@]+?)(\w+)", declaration.strip())
        if not parts:
            raise Unknown(declaration)
        return Named(parts[3], self._type(parts[2]), self._comment(parts[1]))

    def _parameters(self, text: str) -> list[Named]:
        if text.strip() == "void":
            return []
        return [self._named(parameter) for parameter in text.split(",")]

    def _type(self, text: str) -> Type:
        words = text.replace("*", " * ").replace("struct ", "").split()
        names = [word for word in words if word not in ("*", "const")]
        if len(names) != 1 or names[0] not in self._known:
            raise Unknown(text)
        return Type(names[0], words.count("*"), words[0] == "const", text.replace("struct ", "").strip())
