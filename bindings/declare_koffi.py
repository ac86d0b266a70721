"""Makes declarations for koffi, a foreign-function interface for Node, of include/expmig.h."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))
from header import Alias, Callback, Header, Named, Opaque, Struct, Type  # noqa: E402

BEGIN = """\
// What include/expmig.h declares, for koffi. Made of it by `make generated`; do not edit.
//
// A parameter through which a function answers is an array of one ([null]), and has the answer when the function has returned; for a
// struct it is an object, for bytes a Uint8Array. Strings that the library gives away come as strings of JavaScript, and are freed.
// 64-bit integers are numbers as long as these are exact, and BigInt beyond.
'use strict';
"""

DECLARE = """\
/**
 * Declares the types, and answers the functions of a library that koffi has loaded, by their names. Once in each thread. A function is
 * looked for when it is first used, so an older library that does not have it yet serves programs that do not use it.
 */
function declare(koffi, library) {
"""

FUNCTIONS = """\
    koffi.disposable('expmig_given_string', 'const char *', library.func('void expmig_string_free(void *string)'));
    const functions = {};
    for (const [name, prototype] of Object.entries(prototypes)) {
        const found = () => {
            const value = library.func(prototype);
            Object.defineProperty(functions, name, { value, enumerable: true });
            return value;
        };
        Object.defineProperty(functions, name, { get: found, enumerable: true, configurable: true });
    }
    return functions;
}

module.exports = { constants, declare };
"""

INTEGER_BITS = 53


class Declarations:
    """The declarations of a header, as a module of JavaScript."""

    def __init__(self, header: Header):
        self.header = header
        self.structs = {struct.name for struct in header.structs}
        self.opaque = {opaque.name for opaque in header.opaque}

    def _declared(self, declaration: object) -> list[str]:
        if isinstance(declaration, Alias):
            return [f"koffi.alias('{declaration.name}', '{declaration.target}');"]
        if isinstance(declaration, Opaque):
            return [f"koffi.opaque('{declaration.name}');"]
        if isinstance(declaration, Struct):
            fields = [f"    {one.name}: '{one.type}'," for one in declaration.fields]
            return [f"koffi.struct('{declaration.name}', {{", *fields, "});"]
        if isinstance(declaration, Callback):
            types = ", ".join(f"'{self._received(one.type)}'" for one in declaration.parameters)
            return [f"koffi.pointer('{declaration.name}', koffi.proto('{declaration.result}', [{types}]));"]
        return []

    @staticmethod
    def _received(kind: Type) -> str:
        """The type of a callback's parameter: text is made a string, and whatever else a pointer leads to is for koffi.decode."""
        return "const char *" if str(kind) == "const char *" else "void *" if kind.stars else str(kind)

    def _parameter(self, one: Named) -> str:
        kind = one.type
        if kind.stars == 0 or kind.constant or kind.base == "void":
            return str(kind)
        if kind.stars == 1 and (kind.base in self.opaque or kind.base == "char"):
            # A handle; or text that koffi has freed already.
            return "void *" if kind.base == "char" else str(kind)
        if kind.stars == 1 and kind.base in self.structs:
            return f"_Inout_ {kind}"
        return "_Out_ expmig_given_string *" if kind.base == "char" else f"_Out_ {kind}"

    def _function(self, name: str, result: str, parameters: list[str]) -> str:
        return f"    {name}: '{result} {name}({', '.join(parameters) or 'void'})',"

    def source(self) -> str:
        lines = [BEGIN, "const constants = Object.freeze({"]
        for constant in self.header.constants:
            exact = "" if abs(constant.value) < 1 << INTEGER_BITS else "n"
            lines.append(f"    {constant.name}: {constant.value}{exact},")
        lines += ["});", "", "const prototypes = Object.freeze({"]
        for function in self.header.functions:
            parameters = [f"{self._parameter(one)}{'' if one.type.stars else ' '}{one.name}" for one in function.parameters]
            lines.append(self._function(function.name, str(function.result), parameters))
        lines += ["});", "", DECLARE.rstrip()]
        for declaration in self.header.order:
            lines += ["    " + line for line in self._declared(declaration)]
        lines.append(FUNCTIONS)
        return "\n".join(lines)


def types(header: str) -> str:
    """The source of declarations.d.ts."""
    lines = ["// The types of declarations.js. Made of include/expmig.h by `make generated`; do not edit.", "", "export const constants: {"]
    for constant in Header(header).constants:
        exact = "" if abs(constant.value) < 1 << INTEGER_BITS else "n"
        lines.append(f"    readonly {constant.name}: {constant.value}{exact};")
    return "\n".join([*lines, "};", "/** The functions of a library that koffi has loaded, by their names. */", "export function declare(koffi: any, library: any): Record<string, any>;", ""])


def declarations(header: str) -> str:
    """The source of declarations.js for the text of a header."""
    return Declarations(Header(header)).source()
