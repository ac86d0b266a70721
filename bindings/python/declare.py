"""Makes ctypes declarations of include/expmig.h.

The header is generated, so its text is regular; whatever in it is not understood here stops the build. So the declarations cannot
differ from the header that they were built with, and the header not from the library.
"""
from __future__ import annotations

import re

INTEGERS = {
    "int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64", "uint64_t": "c_uint64", "uint8_t": "c_uint8", "size_t": "c_size_t",
    "double": "c_double",
}
LIMITS = {"INT64_MIN": -(2 ** 63)}


class Unknown(Exception):
    """The header has something that this module does not know."""


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


class Header:
    """The declarations of a header, as Python source."""

    def __init__(self, text: str):
        self.constants: dict[str, int] = {}
        self.types = dict(INTEGERS)
        self.opaque: list[str] = []
        self.lines: list[str] = []
        self.functions: dict[str, tuple[str, list[str]]] = {}
        text = self._directives(without_comments(text))
        text = re.sub(r'extern "C" \{|^\}$', "", text, flags=re.MULTILINE)
        for statement in self._statements(text):
            self._statement(" ".join(statement.split()))

    def _directives(self, text: str) -> str:
        """Takes the numbers out of the preprocessor's lines, and these out of the text."""
        kept = []
        for line in text.split("\n"):
            if not line.startswith("#"):
                kept.append(line)
                continue
            number = re.fullmatch(r"#define (EXPMIG_\w+) (-?\d+|INT64_MIN)\s*", line)
            if number:
                value = number[2]
                self.constants[number[1]] = LIMITS[value] if value in LIMITS else int(value)
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
        opaque = re.fullmatch(r"typedef struct (\w+) (\w+)", text)
        struct = re.fullmatch(r"typedef struct (\w+) \{(.*)\} (\w+)", text)
        callback = re.fullmatch(r"typedef (.+?) ?\(\*(\w+)\)\((.*)\)", text)
        alias = re.fullmatch(r"typedef (\w+) (\w+)", text)
        function = re.fullmatch(r"(.+?)\b(expmig_\w+)\((.*)\)", text)
        if opaque and opaque[1] == opaque[2]:
            self.types[opaque[1]] = opaque[1]
            self.opaque.append(opaque[1])
            self.lines += [f"class {opaque[1]}(Structure):", "    pass", "", ""]
        elif struct and struct[1] == struct[3]:
            self.types[struct[1]] = struct[1]
            fields = [self._named(field) for field in struct[2].split(";") if field.strip()]
            self.lines += [f"class {struct[1]}(Structure):", "    _fields_ = ["]
            self.lines += [f'        ("{name}", {self._type(kind)}),' for kind, name in fields]
            self.lines += ["    ]", "", ""]
        elif callback:
            types = [self._type(callback[1])] + self._parameters(callback[3])
            self.types[callback[2]] = callback[2]
            self.lines += [f"{callback[2]} = CFUNCTYPE({', '.join(types)})", ""]
        elif alias and alias[1] in self.types:
            self.types[alias[2]] = self.types[alias[1]]
        elif function:
            self.functions[function[2]] = (self._result(function[1]), self._parameters(function[3]))
        else:
            raise Unknown(text)

    @staticmethod
    def _named(declaration: str) -> tuple[str, str]:
        """Splits "const char *name" into the type and the name."""
        parts = re.fullmatch(r"(.+?)(\w+)", declaration.strip())
        if not parts:
            raise Unknown(declaration)
        return parts[1].strip(), parts[2]

    def _parameters(self, text: str) -> list[str]:
        if text.strip() == "void":
            return []
        return [self._type(self._named(parameter)[0]) for parameter in text.split(",")]

    def _result(self, text: str) -> str:
        return self._type(text.strip())

    def _type(self, text: str) -> str:
        """The ctypes type of a C type. "const" makes no difference to a caller of C, but for text."""
        words = text.replace("*", " * ").replace("struct ", "").split()
        stars = words.count("*")
        names = [word for word in words if word not in ("*", "const")]
        if len(names) != 1:
            raise Unknown(text)
        if names[0] == "void":
            found = [None, "c_void_p", "POINTER(c_void_p)"][stars]
            return found or "None"
        if names[0] == "char":
            # Borrowed text is read as bytes. Text that has to be freed is kept as a pointer.
            if words[0] == "const":
                return ["", "c_char_p", "POINTER(c_char_p)"][stars]
            return ["", "c_void_p", "POINTER(c_void_p)"][stars]
        if names[0] not in self.types:
            raise Unknown(text)
        found = self.types[names[0]]
        for _ in range(stars):
            found = f"POINTER({found})"
        return found

    def source(self) -> str:
        lines = [
            '"""What include/expmig.h declares, for ctypes. Made of it when the package is built; do not edit."""',
            "from ctypes import (",
            "    CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p,",
            ")",
            "",
        ]
        lines += [f"{name} = {value}" for name, value in self.constants.items()]
        lines += ["", ""] + self.lines
        lines += ["# The result and the parameters of every function.", "FUNCTIONS = {"]
        for name, (result, parameters) in self.functions.items():
            rest = "".join(f"{parameter}, " for parameter in parameters).rstrip()
            lines.append(f'    "{name}": ({result}, ({rest})),')
        return "\n".join(lines + ["}", ""])


def declarations(header: str) -> str:
    """The source of the module _declarations for the text of a header."""
    return Header(header).source()
