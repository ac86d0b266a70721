"""The command `expmig`: what it prints, what status it ends with, and what signals do to it."""
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings"))
import command_page
import mariadb

COMMAND = Path(os.environ.get("EXPMIG_COMMAND", ROOT / "target" / "debug" / "expmig"))
DIGITS = ROOT / "tests" / "data" / "digits.db"
# Statuses of expmig.h, as the command ends with them.
NOT_FOUND, ALREADY_EXISTS, IO, AUTH, VALIDATION, LOSSY = 13, 14, 16, 20, 24, 25


def many_metrics(path: Path, count: int) -> None:
    """A copy of the digits with one experiment that takes a while."""
    shutil.copy(DIGITS, path)
    with sqlite3.connect(path) as db:
        trial = db.execute("INSERT INTO TRIAL (name, experiment_id, start_time, update_time) SELECT 'many', 1, start_time, update_time FROM EXPERIMENT WHERE id = 1").lastrowid
        run = db.execute("INSERT INTO TRIAL_RUN (trial_id, status, start_time, update_time) SELECT ?, 'completed', start_time, update_time FROM EXPERIMENT WHERE id = 1", [trial]).lastrowid
        db.execute("INSERT INTO EPOCH SELECT 0, ?, start_time FROM EXPERIMENT WHERE id = 1", [run])
        first = db.execute("SELECT max(id) + 1 FROM METRIC").fetchone()[0]
        rows = range(first, first + count)
        db.executemany("INSERT INTO METRIC (id, type, total_val, per_label_val) VALUES (?, 'loss', ?, '{\"0\": 0.5}')", ((row, row / 7) for row in rows))
        db.executemany("INSERT INTO EPOCH_METRIC (epoch_idx, epoch_trial_run_id, metric_id) VALUES (0, ?, ?)", ((run, row) for row in rows))
    db.close()


@unittest.skipUnless(COMMAND.is_file(), f"{COMMAND} is not built (cargo build --features cli)")
class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.db = self.folder / "digits.db"
        shutil.copy(DIGITS, self.db)
        self.other = self.folder / "other.db"

    def run_it(self, *arguments, status=0, **more):
        done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, timeout=300,
                              stdin=more.pop("stdin", subprocess.DEVNULL), **more)
        self.assertEqual(done.returncode, status, done)
        return done

    def out(self, *arguments, **more):
        return self.run_it(*arguments, **more).stdout

    def document(self, *arguments, **more):
        return json.loads(self.out("--json", *arguments, **more))

    def test_list_has_a_line_for_each_experiment_and_json_the_librarys_document(self):
        lines = self.out("list", self.db).splitlines()
        document = self.document("list", self.db)
        self.assertEqual(document["schema"], "expmig.experiments/1")
        self.assertEqual(len(lines), 1 + len(document["experiments"]))
        self.assertEqual([int(line.split()[0]) for line in lines[1:]], [one["id"] for one in document["experiments"]])

    def test_report_writes_a_page_of_all_or_of_chosen_experiments(self):
        said = self.out("report", self.db)
        self.assertEqual(said, "report.html: 3 experiments, 45 runs, 5175 values; open it in a browser\n")
        page = (self.folder / "report.html").read_text(encoding="utf-8")
        self.assertTrue(page.startswith("<!DOCTYPE html>"))
        refused = self.run_it("report", self.db, status=ALREADY_EXISTS)
        self.assertIn("choose another name", refused.stderr)
        shutil.copy(self.db, self.other)
        said = self.out("report", f"{self.db}#2", f"{self.other}#2", "--force", "--title", "both")
        self.assertEqual(said, "report.html: 2 experiments, 30 runs, 3450 values; they are equal; open it in a browser\n")
        self.assertIn("<title>both</title>", (self.folder / "report.html").read_text(encoding="utf-8"))
        result = self.document("report", self.db, "-e", "3", "-e", "1", "-o", "two.html")
        self.assertEqual((result["schema"], result["equal"]), ("expmig.page_result/1", False))
        self.assertEqual([one["experiment_id"] for one in result["experiments"]], [3, 1])
        self.assertEqual(result["bytes"], (self.folder / "two.html").stat().st_size)
        streamed = self.out("report", f"{self.db}#1", "-o", "-")
        self.assertTrue(streamed.startswith("<!DOCTYPE html>") and streamed.endswith("</html>\n"))
        self.run_it("report", f"{self.db}#99", "-o", "no.html", status=NOT_FOUND)
        self.assertFalse((self.folder / "no.html").exists())

    def test_info_names_engine_and_tables(self):
        self.assertIn("engine: sqlite", self.out("info", self.db))
        self.assertEqual(self.document("info", self.db)["schema"], "expmig.database/1")

    def test_a_query_prints_exact_values_and_can_only_read(self):
        sql = "SELECT 0.1 + 0.2 AS sum, 'a' || char(9) || 'b' AS tab, x'00ff' AS bytes, NULL AS nil, ?1 AS given"
        self.assertEqual(self.out("query", self.db, sql, "7"), "sum\ttab\tbytes\tnil\tgiven\n0.30000000000000004\ta\\tb\t0x00ff\t\t7\n")
        self.assertEqual(self.document("query", self.db, sql, "x"),
                         {"sum": 0.30000000000000004, "tab": "a\tb", "bytes": {"hex": "00ff"}, "nil": None, "given": "x"})
        refused = self.run_it("query", self.db, "DELETE FROM METRIC", status=12)
        self.assertIn("expmig: error:", refused.stderr)

    def test_a_target_is_not_made_for_what_cannot_be_found(self):
        for sources in ((self.db, "-e", 2, "-e", 99), (self.db, "gone.db", "--all")):
            refused = self.run_it("migrate", *sources, "--to", "new.db", status=NOT_FOUND)
            self.assertNotIn("EXPMIG_", refused.stderr)
            self.assertFalse((self.folder / "new.db").exists())

    def test_a_migration_is_proven_and_compare_agrees(self):
        line = self.out("migrate", self.db, "-e", 2, "--to", self.other)
        self.assertRegex(line, r"digits\.db#2 -> .*other\.db#1: \d+ rows; digest [0-9a-f]{64}\n")
        self.assertTrue(self.out("compare", f"{self.db}#2", f"{self.other}#1").endswith("equal\n"))
        digests = {self.out("digest", file, "-e", id).split()[0] for file, id in ((self.db, 2), (self.other, 1))}
        self.assertEqual(len(digests), 1)
        self.assertIn(digests.pop(), line)

    def test_compare_of_unequal_experiments_ends_with_one_and_says_where(self):
        found = self.run_it("compare", f"{self.db}#1", f"{self.db}#2", status=1)
        self.assertIn("different\nfirst difference:\n", found.stdout)
        self.assertFalse(json.loads(self.run_it("--json", "compare", f"{self.db}#1", f"{self.db}#2", status=1).stdout)["equal"])

    def test_validate_ends_with_one_only_when_there_are_errors(self):
        self.assertIn("sound: 0 errors", self.out("validate", self.db))
        with sqlite3.connect(self.db) as db:
            db.execute("DELETE FROM TRIAL WHERE id = (SELECT min(id) FROM TRIAL)")
        db.close()
        found = self.run_it("validate", self.db, status=1)
        self.assertRegex(found.stdout, r"(?m)^error: TRIAL_RUN \(id=\d+\)")
        self.assertIn("NOT sound", found.stdout)

    def test_many_files_go_into_one_and_nothing_goes_twice(self):
        laptops = []
        for name in ("a.db", "b.db"):
            laptops.append(self.folder / name)
            shutil.copy(DIGITS, laptops[-1])
        count = len(self.document("list", self.db)["experiments"])
        arguments = ("migrate", *laptops, "--all", "--to", self.other, "--on-duplicate", "skip")
        first, second = self.out(*arguments).splitlines()
        self.assertIn(f"a.db: {count} experiments copied", first)
        self.assertIn(f"b.db: 0 experiments copied (0 rows), {count} there already", second)
        again = self.out(*arguments).splitlines()
        self.assertTrue(all(": 0 experiments copied (0 rows)" in line for line in again), again)
        self.assertEqual(len(self.document("list", self.other)["experiments"]), count)

    def test_a_plan_and_a_dry_run_say_the_same_and_write_nothing(self):
        before = self.db.read_bytes()
        plan, dry = (re.sub(r"(?m)^others could not write for.*\n", "", self.out(*words, self.db, "-e", 1)) for words in (["plan"], ["migrate", "--dry-run"]))
        self.assertEqual(plan, dry)
        self.assertRegex(plan, r"#1: \d+ rows would be copied\nTABLE +ROWS +UNSOUND\n")
        self.assertEqual(self.document("plan", self.db, "-e", 1)["schema"], "expmig.plan/1")
        self.assertEqual(self.db.read_bytes(), before)

    def test_an_error_has_a_line_a_hint_and_as_json_the_document(self):
        missing = self.run_it("migrate", self.db, "-e", 999, status=NOT_FOUND)
        self.assertRegex(missing.stderr, r"expmig: error: .*999.*\nexpmig: hint: .+\n")
        self.assertEqual(missing.stdout, "")
        shown = self.run_it("--json", "migrate", self.db, "-e", 999, status=NOT_FOUND)
        self.assertEqual(json.loads(shown.stdout)["status"], "NOT_FOUND")
        # People get one line of it; what to do is in the document.
        self.assertEqual(len(shown.stderr.splitlines()), 1, shown.stderr)
        self.assertIn("hint", json.loads(shown.stdout))
        self.run_it("list", self.folder / "missing.db", status=NOT_FOUND)
        self.run_it("migrate", self.db, status=2)
        self.run_it("compare", self.db, self.db, status=2)

    def test_an_export_comes_back_equal_through_a_pipe_and_through_a_file(self):
        digest = self.out("digest", self.db, "-e", 3).split()[0]
        text = self.out("export", self.db, "-e", 3)
        self.assertEqual(json.loads(text)["format"]["name"], "expmig.export")
        reader, writer = os.pipe()
        with subprocess.Popen([COMMAND, "export", self.db, "-e", "3", "--quiet"], stdout=writer) as export:
            os.close(writer)
            done = self.out("import", self.other, "-", "--create", stdin=reader)
            os.close(reader)
        self.assertEqual(export.returncode, 0)
        self.assertIn(digest, done)
        file = self.folder / "three.json"
        self.out("export", self.db, "-e", 3, "--output", file)
        self.run_it("export", self.db, "-e", 3, "--output", file, status=ALREADY_EXISTS)
        self.out("export", self.db, "-e", 3, "--output", file, "--force")
        self.assertIn("there already", self.out("import", self.other, file, "--on-duplicate", "skip"))

    def test_snapshots_are_made_listed_verified_restored_and_deleted(self):
        made = self.out("snapshot", "create", self.db, "--description", "before").strip()
        self.assertIn(made, self.out("snapshot", "list", self.db))
        self.out("snapshot", "verify", self.db, made)
        digest = self.out("digest", self.db, "--all")
        self.out("migrate", self.db, "-e", 1)
        self.assertNotEqual(self.out("digest", self.db, "--all"), digest)
        for what in (("restore", self.db, made), ("delete", self.db, made), ("cleanup", self.db, "--keep", 0)):
            refused = self.run_it("snapshot", *what, status=2)
            self.assertIn("--yes", refused.stderr)
        self.assertNotEqual(self.out("digest", self.db, "--all"), digest)
        self.out("--yes", "snapshot", "restore", self.db, made)
        self.assertEqual(self.out("digest", self.db, "--all"), digest)
        self.out("--yes", "snapshot", "delete", self.db, made)
        self.run_it("snapshot", "verify", self.db, made, status=NOT_FOUND)

    def test_a_transformation_is_shown_done_and_undone(self):
        before = self.out("digest", self.db, "-e", 1)
        arguments = ("transform", self.db, "-e", 1, "--transformation", "scale", "--parameters", '{"factor": 2}')
        self.assertIn("would change", self.out(*arguments, "--dry-run"))
        self.assertEqual(self.out("digest", self.db, "-e", 1), before)
        undo = re.search(r"to undo it: expmig (undo) (\S+) (\d+)", self.out(*arguments)).groups()
        self.assertNotEqual(self.out("digest", self.db, "-e", 1), before)
        self.assertIn(undo[2], self.out("undo", self.db))
        self.out(*undo)
        self.assertEqual(self.out("digest", self.db, "-e", 1), before)

    def test_bring_in_says_what_became_of_everything_and_the_second_time_nothing_is_new(self):
        data = ROOT / "tests" / "data"
        store, source = shutil.copy(data / "mlflow" / "3.17.2.db", self.folder / "mlflow.db"), data / "readers" / "mlruns" / "3.5.1"
        before = Path(store).read_bytes()
        planned = self.out("bring-in", store, source, "--dry-run")
        self.assertIn("8 runs of MLflow's file store, 8 would be new", planned)
        self.assertIn("points: 94 read; 91 stored; folded: equal_point 2, later_line 1", planned)
        self.assertEqual(Path(store).read_bytes(), before)
        refused = self.run_it("bring-in", store, source, status=LOSSY)
        self.assertIn("sidecar", refused.stderr)
        done = self.document("bring-in", store, source, "--sidecar", "beside.jsonl")
        self.assertEqual(done["account"]["values"]["sidecar"], {"dataset_of_point": 1})
        self.assertEqual(len((self.folder / "beside.jsonl").read_text().splitlines()), 1)
        self.assertIn("8 runs of MLflow's file store, 0 new; 0 new rows", self.out("bring-in", store, source, "--leave-out"))

    def test_a_closed_pipe_ends_it_silently_and_a_change_is_none_the_less_done(self):
        for arguments, status in ((["export", self.db, "-e", "1"], 141), (["migrate", self.db, "-e", "1"], 0)):
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([COMMAND, *arguments], stdout=writer, stderr=subprocess.PIPE, timeout=60)
            os.close(writer)
            self.assertEqual((done.returncode, b"error" in done.stderr), (status, False), done)

    def test_page_manual_and_completions_are_what_it_says_itself(self):
        for name, text in command_page.products(COMMAND).items():
            self.assertEqual((ROOT / name).read_text(encoding="utf-8"), text, f"{name}: run `make generated`")

    def in_terminal(self, *arguments, act=lambda child, descriptor, text: None, columns=100):
        """Runs it at a terminal; `act` sees what it has printed so far. Returns its status and what was on the screen."""
        child, descriptor = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.environ["COLUMNS"] = str(columns)
            os.execv(COMMAND, [str(COMMAND), *map(str, arguments)])
        text, end = b"", time.monotonic() + 120
        while time.monotonic() < end:
            if select.select([descriptor], [], [], 0.01)[0]:
                try:
                    piece = os.read(descriptor, 65536)
                except OSError:  # the end of a terminal
                    break
                if not piece:
                    break
                text += piece
            act(child, descriptor, text)
        os.close(descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if sys.version_info >= (3, 9) else None, text.decode()

    def test_at_a_terminal_there_is_a_bar_and_a_question_before_something_is_destroyed(self):
        many_metrics(self.db, 60_000)
        status, text = self.in_terminal("migrate", self.db, "-e", 1)
        self.assertEqual(status, 0)
        self.assertRegex(text, r"\[[=> ]{30}\] +\d+% ")
        made = self.out("snapshot", "create", self.db).strip()
        answered = []

        def answer(word):
            def act(_child, descriptor, text):
                if text.endswith(b"[y/N] ") and len(answered) == 0:
                    answered.append(word)
                    os.write(descriptor, word)
            return act

        status, text = self.in_terminal("snapshot", "delete", self.db, made, act=answer(b"n\n"))
        self.assertEqual(status, 2, text)
        self.out("snapshot", "verify", self.db, made)
        answered.clear()
        status, text = self.in_terminal("snapshot", "delete", self.db, made, act=answer(b"\x03"))
        self.assertEqual(status, 130, text)
        self.assertIn("nothing was changed", text)
        self.out("snapshot", "verify", self.db, made)
        answered.clear()
        status, text = self.in_terminal("snapshot", "delete", self.db, made, act=answer(b"y\n"))
        self.assertEqual(status, 0, text)
        self.run_it("snapshot", "verify", self.db, made, status=NOT_FOUND)

    def test_a_password_is_asked_for_without_showing_it_and_ctrl_c_ends_the_question(self):
        for typed, expected in ((b"s3cret\n", 19), (b"\x03", 130)):
            answered = []

            def answer(_child, descriptor, text):
                if b"empty for none" in text and not answered:
                    answered.append(os.write(descriptor, typed))

            status, text = self.in_terminal("list", "mysql://nobody@127.0.0.1:1/none", act=answer)
            self.assertEqual(status, expected, text)
            self.assertNotIn("s3cret", text)

    def test_an_export_into_a_file_says_as_json_what_it_wrote(self):
        told = self.document("export", self.db, "-e", 1, "-o", "one.json")
        self.assertEqual((told["path"], told["bytes"], told["rows"]), ("one.json", (self.folder / "one.json").stat().st_size, 4854))

    def test_a_command_line_that_is_wrong_is_a_document_too(self):
        made = self.out("snapshot", "create", self.db).split()[0]
        for arguments in (["lst"], ["migrate", self.db], ["snapshot", "delete", self.db, made]):
            done = self.run_it("--json", *arguments, status=2)
            self.assertEqual(json.loads(done.stdout)["status"], "INVALID_ARGUMENT", done)
            self.assertEqual(len(done.stderr.splitlines()), 1, done)
            self.assertIn("error: ", done.stderr)
        self.out("snapshot", "verify", self.db, made)

    def test_standard_error_that_nobody_reads_changes_nothing(self):
        inbox, outbox = os.pipe()
        os.close(inbox)
        done = subprocess.run([COMMAND, "list", "none.db"], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=outbox)
        os.close(outbox)
        self.assertEqual(done.returncode, NOT_FOUND)

    def test_ctrl_c_at_any_moment_leaves_the_target_as_it_was_or_everything_done(self):
        many_metrics(self.db, 20_000)
        seed = int(os.environ.get("EXPMIG_TEST_SEED", random.randrange(1 << 32)))
        print(f"EXPMIG_TEST_SEED={seed}", file=sys.stderr)
        moments = random.Random(seed)
        rounds = int(os.environ.get("EXPMIG_INTERRUPTS", "12"))
        fresh = self.folder / "fresh.db"
        shutil.copy(self.db, fresh)
        before = self.out("digest", self.db, "--all").splitlines()
        began = time.monotonic()
        self.out("migrate", self.db, "-e", 1)
        whole = time.monotonic() - began
        shutil.copy(fresh, self.db)
        stopped = 0
        for _ in range(rounds):
            due, sent = time.monotonic() + moments.uniform(0, whole), []

            def press(_child, descriptor, _text):
                if not sent and time.monotonic() >= due:
                    sent.append(os.write(descriptor, b"\x03"))

            status, text = self.in_terminal("migrate", self.db, "-e", 1, act=press)
            after = self.out("digest", self.db, "--all").splitlines()
            self.assertIn(status, (0, 130, -signal.SIGINT), text)
            if status == 0:
                self.assertEqual(after[:-1], before)
                self.assertEqual(len(after), len(before) + 1)
                # With what was copied, each round would take longer than the one before.
                shutil.copy(fresh, self.db)
            else:
                stopped += 1
                self.assertEqual(after, before, text)
        self.assertGreater(stopped, 0, "no signal came while the job ran")

    def test_the_commands_of_the_pages_run_as_they_are_printed(self):
        pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/cli.md", "docs/report.md")}
        table = re.search(r"^\| I want to .*?\n\n", pages["README.md"], re.DOTALL | re.MULTILINE)[0]
        printed = {"README.md": re.findall(r"`(expmig [^`]+)`", table)}
        for name in ("docs/cli.md", "docs/report.md"):
            block = re.search(r"^```sh\n(.*?)^```", pages[name], re.DOTALL | re.MULTILINE)[1]
            printed[name] = [line for line in block.splitlines() if line.startswith("expmig ")]
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "expmig").symlink_to(COMMAND.resolve())
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        for name, commands in printed.items():
            self.assertGreater(len(commands), 2, name)
            folder = self.folder / name.replace("/", "-")
            (folder / "laptops").mkdir(parents=True)
            for file in ("experiments.db", "a.db", "b.db", "laptops/one.db", "laptops/two.db"):
                shutil.copy(DIGITS, folder / file)
            if name == "docs/report.md":
                shutil.copy(DIGITS, folder / "team.db")
            (folder / "rules.json").write_text('[{"metric_type": "recall", "transformation": "scale", "params": {"factor": 2}}]', encoding="utf-8")
            for command in commands:
                if "mysql://" in command or command.startswith("expmig bring-in"):
                    # Its server is somebody's: the tests on servers have one. What is brought in has a store of MLflow's, and tests of its own.
                    continue
                with self.subTest(command, page=name):
                    done = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
                    # A difference is a status of its own.
                    self.assertEqual(done.returncode, 1 if command.startswith("expmig compare a.db#3 b.db#1") else 0, done)

    def test_a_column_that_stays_too_narrow_is_named(self):
        with mariadb.server() as server:
            server.sql("CREATE USER me@'%' IDENTIFIED BY 's3cret'; GRANT ALL ON *.* TO me@'%'; CREATE USER me@localhost IDENTIFIED BY 's3cret'; GRANT ALL ON *.* TO me@localhost")
            url, known = f"mysql://me@127.0.0.1:{server.port}/narrow", {"env": dict(os.environ, EXPMIG_PASSWORD="s3cret")}
            self.run_it("migrate", self.db, "--experiment", 1, "--to", url, "--create", **known)
            wide = self.run_it("widen", url, **known)
            self.assertEqual((wide.stdout, wide.stderr), ("the tables can hold every value; there is nothing to widen\n", ""))
            server.sql("ALTER TABLE narrow.TRIAL_RUN MODIFY update_time TIMESTAMP NOT NULL DEFAULT '2020-01-01'")
            for arguments in (["widen", url], ["widen", "--dry-run", url]):
                left = self.run_it(*arguments, **known)
                self.assertEqual(left.stdout, "there is nothing that can be widened; 1 column stays too narrow\n")
                self.assertRegex(left.stderr, r"^expmig: hint: TRIAL_RUN.update_time \(timestamp\) stays too narrow: ")
            server.sql("ALTER TABLE narrow.METRIC MODIFY total_val FLOAT NOT NULL")
            self.assertIn("TRIAL_RUN.update_time", self.run_it("widen", "--dry-run", url, **known).stderr)
            done = self.run_it("widen", "--yes", url, **known)
            self.assertRegex(done.stdout, r"^widened by \d statements\n$")
            self.assertIn("TRIAL_RUN.update_time", done.stderr)
            self.assertNotIn("TRIAL_RUN", self.run_it("--quiet", "widen", url, **known).stderr)

    def test_the_variable_of_a_password_is_read_by_the_command_alone_and_never_shown(self):
        environment = dict(os.environ, EXPMIG_PASSWORD="s3cret")
        done = self.run_it("list", "mysql://nobody@127.0.0.1:1/none", status=19, env=environment)
        self.assertNotIn("s3cret", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
