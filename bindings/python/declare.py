"""Makes ctypes declarations of include/expmig.h."""
from __future__ import annotations

from header import Callback, Header, Opaque, Struct, Type, Unknown

INTEGERS = {
    "int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64", "uint64_t": "c_uint64", "uint8_t": "c_uint8", "size_t": "c_size_t",
    "double": "c_double",
}

__all__ = ["Unknown", "declarations"]


class Declarations:
    """The declarations of a header, as Python source."""

    def __init__(self, header: Header):
        self.header = header
        self.types = dict(INTEGERS)
        self.types.update((alias.name, INTEGERS[alias.target]) for alias in header.aliases)

    def _declared(self, declaration: object) -> list[str]:
        if isinstance(declaration, Opaque):
            return [f"class {declaration.name}(Structure):", "    pass", "", ""]
        if isinstance(declaration, Struct):
            fields = [f'        ("{one.name}", {self._type(one.type)}),' for one in declaration.fields]
            return [f"class {declaration.name}(Structure):", "    _fields_ = [", *fields, "    ]", "", ""]
        if isinstance(declaration, Callback):
            types = [self._type(declaration.result), *(self._type(one.type) for one in declaration.parameters)]
            return [f"{declaration.name} = CFUNCTYPE({', '.join(types)})", ""]
        return []

    def _type(self, kind: Type) -> str:
        """The ctypes type of a C type. "const" makes no difference to a caller of C, but for text."""
        if kind.base == "void":
            return ["None", "c_void_p", "POINTER(c_void_p)"][kind.stars]
        if kind.base == "char":
            # Borrowed text is read as bytes. Text that has to be freed is kept as a pointer.
            if kind.constant:
                return ["", "c_char_p", "POINTER(c_char_p)"][kind.stars]
            return ["", "c_void_p", "POINTER(c_void_p)"][kind.stars]
        found = self.types.get(kind.base, kind.base)
        for _ in range(kind.stars):
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
        lines += [f"{constant.name} = {constant.value}" for constant in self.header.constants]
        lines += ["", ""]
        for declaration in self.header.order:
            lines += self._declared(declaration)
        lines += ["# The result and the parameters of every function.", "FUNCTIONS = {"]
        for function in self.header.functions:
            parameters = "".join(f"{self._type(parameter.type)}, " for parameter in function.parameters).rstrip()
            lines.append(f'    "{function.name}": ({self._type(function.result)}, ({parameters})),')
        return "\n".join(lines + ["}", ""])


def declarations(header: str) -> str:
    """The source of the module _declarations for the text of a header."""
    return Declarations(Header(header)).source()
