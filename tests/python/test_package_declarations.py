"""The declarations for ctypes say what the header says: they are made of it, and a C compiler is asked whether that is right."""
import ctypes
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig

sys.path.insert(0, str(binding.BINDING))
import declare
from expmig import _declarations as c

HEADER = binding.ROOT / "include" / "expmig.h"
STRUCTS = {name: kind for name, kind in vars(c).items() if isinstance(kind, type) and issubclass(kind, ctypes.Structure) and kind is not ctypes.Structure}
WIDTHS = {
    "int32_t": ctypes.c_int32, "expmig_status": ctypes.c_int32, "expmig_domain": ctypes.c_int32, "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64, "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t, "double": ctypes.c_double, "void": None,
}


def is_pointer(kind):
    return kind in (ctypes.c_void_p, ctypes.c_char_p) or isinstance(kind, type) and issubclass(kind, (ctypes._Pointer, ctypes._CFuncPtr))


class Declarations(binding.Case):
    def compile(self, source, *options):
        path = self.folder / "source.c"
        path.write_text(f"#include <expmig.h>\n#include <stdio.h>\n{source}", encoding="utf-8")
        command = ["cc", "-std=c99", "-Wall", "-Werror", "-I", str(HEADER.parent), *options, str(path), "-o", str(self.folder / "program")]
        subprocess.run(command, check=True)

    def printed(self, body):
        """What a C program prints whose main is this."""
        self.compile(f"int main(void) {{\n{body}\nreturn 0;\n}}\n")
        return subprocess.run([str(self.folder / "program")], check=True, stdout=subprocess.PIPE, text=True).stdout

    def test_every_function_has_the_prototype_that_the_compiler_sees(self):
        self.compile("", "-c", "-aux-info", str(self.folder / "prototypes"))
        prototypes = {}
        for line in (self.folder / "prototypes").read_text().splitlines():
            found = re.match(r"/\* .*expmig\.h:.* \*/ extern (.+?)(expmig_\w+) \((.*)\);", line)
            if found:
                prototypes[found[2]] = (found[1].strip(), [] if found[3] == "void" else found[3].split(", "))
        self.assertEqual(set(prototypes), set(c.FUNCTIONS))
        self.assertGreater(len(prototypes), 100)
        for name, (result, parameters) in prototypes.items():
            declared_result, declared = c.FUNCTIONS[name]
            self.assertEqual(len(declared), len(parameters), name)
            for text, kind in zip([result, *parameters], [declared_result, *declared]):
                self.same(text, kind, f"{name}: {text}")

    def same(self, text, kind, where):
        """A C type, as the compiler writes it, and a ctypes type are the same."""
        words = text.replace("*", " * ").replace("struct ", "").split()
        base = next(word for word in words if word not in ("const", "*"))
        stars = words.count("*")
        if stars == 0 and base in WIDTHS:
            self.assertIs(kind, WIDTHS[base], where)
        elif stars == 0:
            self.assertTrue(base.endswith("_fn") and kind is getattr(c, base), where)
        else:
            self.assertTrue(is_pointer(kind), where)
            for _ in range(stars):
                if kind in (ctypes.c_void_p, ctypes.c_char_p):
                    self.assertIn(base, ("char", "void"), where)
                    break
                kind = kind._type_
            else:
                self.assertIs(kind, STRUCTS.get(base) or {**WIDTHS, "uint8_t": ctypes.c_uint8}[base], where)

    def test_every_constant_has_the_value_that_the_compiler_computes(self):
        names = re.findall(r"^#define (EXPMIG_\w+) [-\w]+\s*$", HEADER.read_text(), re.MULTILINE)
        self.assertEqual(names, [name for name in vars(c) if name.startswith("EXPMIG_")])
        self.assertGreater(len(names), 60)
        lines = self.printed("\n".join(f'printf("{name} %lld\\n", (long long){name});' for name in names)).splitlines()
        self.assertEqual(lines, [f"{name} {getattr(c, name)}" for name in names])

    def test_every_struct_is_laid_out_as_the_compiler_does(self):
        declared = [name for name in re.findall(r"^typedef struct (\w+) \{", HEADER.read_text(), re.MULTILINE)]
        # That of a stream is Arrow's, not ours: what reads streams tells whether it is right.
        complete = {name: kind for name, kind in STRUCTS.items() if hasattr(kind, "_fields_") and name != "ArrowArrayStream"}
        self.assertEqual(declared, list(complete))
        body, expected = [], []
        for name, kind in complete.items():
            body.append(f'printf("{name} %u\\n", (unsigned)sizeof({name}));')
            expected.append(f"{name} {ctypes.sizeof(kind)}")
            for field, _ in kind._fields_:
                body.append(f'printf("%u %u\\n", (unsigned)offsetof({name}, {field}), (unsigned)sizeof((({name} *)0)->{field}));')
                expected.append(f"{getattr(kind, field).offset} {getattr(kind, field).size}")
        self.assertEqual(self.printed("\n".join(body)).splitlines(), expected)

    def test_every_function_is_in_the_library(self):
        library = ctypes.CDLL(str(binding.LIBRARY))
        for name in c.FUNCTIONS:
            self.assertTrue(hasattr(library, name), name)

    def test_what_is_not_understood_in_a_header_stops_the_build(self):
        text = HEADER.read_text()
        for strange in ("EXPMIG_API long expmig_new(void);", "typedef union expmig_u { int32_t a; } expmig_u;", "#define EXPMIG_SHIFTED (1 << 3)",
                        "EXPMIG_API int32_t expmig_new(const expmig_unknown *value);", "typedef struct expmig_s { float f; } expmig_s;"):
            with self.assertRaises(declare.Unknown, msg=strange):
                declare.declarations(text.replace("/**\n * The version of the C ABI", f"{strange}\n/**\n * The version of the C ABI", 1))

    def test_handles_of_different_kinds_cannot_be_mixed_up(self):
        from expmig._library import lib
        with self.assertRaises(ctypes.ArgumentError):
            lib.expmig_manager_free(ctypes.POINTER(c.expmig_database)())

    def test_hints_name_the_options_of_python(self):
        from expmig.errors import PYTHON_NAMES, in_python
        named = set()
        for file in (binding.ROOT / "src").rglob("*.rs"):
            # The command's variables are nobody's else.
            if "bin" in file.relative_to(binding.ROOT).parts:
                continue
            code = re.sub(r"^\s*//.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
            for text in re.findall(r'"((?:[^"\\]|\\.)*)"', code, re.DOTALL):
                named.update(re.findall(r"EXPMIG_[A-Z_]+[A-Z]", text))
        # Tables of the library's own begin with it too.
        tables = {"EXPMIG_JOB", "EXPMIG_UNDO", "EXPMIG_UNDO_LINK", "EXPMIG_UNDO_TRANSFORM", "EXPMIG_WIDENING", "EXPMIG_WRITER"}
        self.assertEqual(named - tables - set(PYTHON_NAMES), set())
        self.assertTrue(set(PYTHON_NAMES) <= set(vars(c)))
        self.assertEqual(in_python("restore it (EXPMIG_RESTORE_FORCE)"), "restore it (force=True)")
        self.assertEqual(self.fails("NOT_FOUND", expmig.DatabaseManager, "missing.db").hint, "check the path; create=True creates a new database")


if __name__ == "__main__":
    unittest.main()
