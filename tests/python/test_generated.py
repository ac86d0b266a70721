"""What is made of include/expmig.h and kept in the repository fits it."""
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings"))
import generate
from header import Header

HEADER = Header(generate.HEADER.read_text(encoding="utf-8"))


class Generated(unittest.TestCase):
    def test_it_is_what_the_header_makes_of_it(self):
        self.assertEqual(generate.stale(write=False), [], "run `make generated`")

    def test_everything_in_the_header_has_a_comment(self):
        for one in HEADER.order:
            if not one.name.startswith("EXPMIG_VERSION_"):
                self.assertNotEqual(one.comment, "", one.name)
        for struct in HEADER.structs:
            for field in struct.fields:
                self.assertNotEqual(field.comment, "", f"{struct.name}.{field.name}")


if __name__ == "__main__":
    unittest.main()
