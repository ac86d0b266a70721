"""The notebook of examples/, as a kernel executes it, and the lines with which the guide begins. `make test-frames` installs what they need; elsewhere
they are skipped."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding

try:
    import nbclient
    import nbformat
    import pandas  # noqa: F401
except ImportError:
    if os.environ.get("EXPMIG_TEST_FRAMES") == "1":
        raise
    nbclient = None

NOTEBOOK = binding.ROOT / "examples" / "python" / "first_minutes.ipynb"


@unittest.skipIf(nbclient is None, "needs nbclient, ipykernel, pandas and pyarrow: make test-frames")
class Notebook(binding.Case):
    def executed(self, notebook):
        """The outputs of the cells with code, in their order, each as one text."""
        os.environ["PYTHONPATH"] = binding.PACKAGE
        self.addCleanup(os.environ.pop, "PYTHONPATH")
        before = self.path.read_bytes()
        client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(self.folder)}})
        client.execute()
        self.before = before
        return [str(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]

    def test_it_runs_and_shows_what_it_says(self):
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        self.assertEqual([cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs], [], "outputs are not kept")
        shown = self.executed(notebook)
        for at, text in (
            (0, "<td>Digits classification</td>"), (1, "PASS"), (2, "Plan of a migration of experiment 1"), (3, "copied as 4"), (3, "100%"),
            (4, "Comparison: equal"), (5, "<th>metrics</th>"), (6, "epoch_idx"), (7, "not written (dry run)"), (8, "metrics_restored"), (10, "report.html"),
        ):
            self.assertIn(text, shown[at], f"cell {at}")
        self.assertTrue((self.folder / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>"))
        self.assertEqual(self.count(), self.count(binding.DIGITS))

    def test_the_first_lines_of_the_guide(self):
        guide = (binding.ROOT / "docs" / "python.md").read_text(encoding="utf-8")
        cell, = re.findall(r"^```py\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
        self.assertLess(guide.index(cell), guide.index("pip install"), "the guide begins with them")
        self.assertLessEqual(len(cell.splitlines()), 10)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        self.assertIn("text/html", self.executed(notebook)[0])
        self.assertEqual(self.count()[0][0], self.count(binding.DIGITS)[0][0] + 1)


if __name__ == "__main__":
    unittest.main()
