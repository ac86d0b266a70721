"""The Python code in the documentation runs as it stands there."""
import contextlib
import io
import os
import re
import signal
import sys
import textwrap
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig


def blocks_of(text):
    """The Python code of a page."""
    return [textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)]


def section_about_servers():
    """The section of the guide whose code needs a server: test_package_servers.py runs it."""
    guide = (binding.ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    return re.search(r"^## MySQL and MariaDB$.*?(?=^## )", guide, re.DOTALL | re.MULTILINE)[0]


class Docs(binding.Case):
    def blocks(self, name):
        return blocks_of((binding.ROOT / name).read_text(encoding="utf-8").replace(section_about_servers(), ""))

    def run_blocks(self, name, count):
        """Runs the blocks in a process of their own: they install modules."""
        blocks = self.blocks(name)
        self.assertEqual(len(blocks), count)
        return binding.run("\n".join(blocks))

    def test_the_guide(self):
        printed = self.run_blocks("docs/python.md", 10)
        lines = printed.splitlines()
        self.assertEqual(lines[0], "4 4854 True")
        self.assertIn("NOT_FOUND", lines)
        self.assertIn("experiment 99 does not exist the nearest experiments are 2, 3, 4", printed)
        self.assertIn("[('experiment_id', '99')]\nFalse\n", printed)
        self.assertIn(": 100%, 0:00:00 left", printed)
        self.assertEqual(lines[-1], f"({lines[-2]},)", "the last experiment's id is their number")

    def test_ctrl_c_ends_what_the_guide_does_in_a_thread_of_asyncio(self):
        block, = (block for block in self.blocks("docs/python.md") if "asyncio.to_thread" in block)
        program = """
            import sys, time
            from expmig import CancelToken, DatabaseManager, DataMigrationManager

            def report(progress):
                print("reported", flush=True)
                time.sleep(float(sys.argv[2]))

            migrator = DataMigrationManager(DatabaseManager(sys.argv[1], timeout=60, isolation=sys.argv[3] or None), snapshot_dir="snapshots")
            migrator.add_progress_callback(report)
        """
        program = textwrap.dedent(program) + block + "print('not ended')\n"
        before = self.path.read_bytes()
        # Where it waits for another writer, and where it writes.
        waits, writes = (lambda: binding.Lock(self.path), 0), (contextlib.nullcontext, 0.5)
        for (lock, sleep), isolation in ((waits, ""), (writes, ""), (waits, "process")):
            with lock(), binding.popen(program, self.path, sleep, isolation) as process:
                self.assertEqual(process.stdout.readline(), "reported\n")
                process.send_signal(signal.SIGINT)
                printed, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, -signal.SIGINT, errors)
            self.assertTrue(errors.endswith("\nKeyboardInterrupt\n"), errors)
            self.assertNotIn("never retrieved", errors)
            self.assertNotIn("not ended", printed)
            self.assertEqual(self.count(), self.count(binding.DIGITS))
            self.assertEqual(self.path.read_bytes(), before)

    def test_the_readme_of_the_package(self):
        self.assertTrue(self.run_blocks("bindings/python/README.md", 1).endswith("100%\n4 True\n"))

    def test_the_readme(self):
        self.assertEqual(self.run_blocks("README.md", 1).splitlines()[-1], "copied as experiment 4")

    def test_the_table_of_methods_is_complete(self):
        text = (binding.ROOT / "docs" / "python.md").read_text(encoding="utf-8")
        for kind in (expmig.DatabaseManager, expmig.DataMigrationManager, expmig.DataValidator, expmig.HierarchyPreserver, expmig.SnapshotManager,
                     expmig.MetricTransformer):
            row, = re.findall(rf"^\| `{kind.__name__}` \| (.*) \|$", text, re.MULTILINE)
            named = set(re.findall(r"`(\w+)`", row))
            public = {name for name in vars(kind) if not name.startswith("_") and callable(getattr(kind, name))}
            self.assertTrue(public <= named, public - named)
            for name in named - public:
                with contextlib.redirect_stdout(io.StringIO()):
                    self.assertTrue(hasattr(self.example(kind), name), f"{kind.__name__}.{name}")

    def example(self, kind):
        return self.open() if kind is expmig.DatabaseManager else expmig.DataMigrationManager(self.open()) if kind is expmig.DataMigrationManager else kind(self.open())


if __name__ == "__main__":
    unittest.main()
