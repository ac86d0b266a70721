"""Self-tests of digest.py: what docs/digest.md says of rows and nodes, on small hand-made databases."""
import contextlib
import io
import os
import pathlib
import random
import sqlite3
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import digest

# Which table's ids a column holds; used to give every row another id.
POINTS_TO = {"experiment_id": "EXPERIMENT", "trial_id": "TRIAL", "trial_run_id": "TRIAL_RUN", "results_id": "TRIAL_RUN",
             "epoch_trial_run_id": "TRIAL_RUN", "metric_id": "METRIC", "artifact_id": "ARTIFACT"}
T = "2023-12-01T10:00:00"


def sample():
    """Rows of every table: experiment 1 with two trials and three runs, and a second experiment beside it."""
    rows = []

    def add(table, **columns):
        rows.append((table, columns))

    for e in (1, 2):
        add("EXPERIMENT", id=e, title=f"experiment {e}", desc=None, start_time=T, update_time=T + ".5")
        add("EXPERIMENT_ARTIFACT", experiment_id=e, artifact_id=1)
    for t in (1, 2, 3):
        add("TRIAL", id=t, name="trial", experiment_id=1 + t // 3, start_time=T, update_time=T)
        add("TRIAL_ARTIFACT", trial_id=t, artifact_id=1 + t % 2)
    for m in range(1, 7):
        add("METRIC", id=m, type="accuracy", total_val=m // 2 / 8, per_label_val='{"a": 0.5, "b": [1, 2.0]}')
    for a in (1, 2, 3, 4):
        add("ARTIFACT", id=a, type="model", loc=f"/models/{a // 2}")
    for r in (1, 2, 3, 4):
        add("TRIAL_RUN", id=r, trial_id=1 + r // 2, status="completed", start_time=T, update_time=T)
        add("TRIAL_RUN_ARTIFACT", trial_run_id=r, artifact_id=r)
        add("RESULTS", trial_run_id=r, time=T)
        add("RESULTS_METRIC", results_id=r, metric_id=1)
        add("RESULTS_ARTIFACT", results_id=r, artifact_id=3)
        for e in (0, 1):
            add("EPOCH", idx=e, trial_run_id=r, time=T)
            add("EPOCH_METRIC", epoch_idx=e, epoch_trial_run_id=r, metric_id=2 + e)
            add("EPOCH_ARTIFACT", epoch_idx=e, epoch_trial_run_id=r, artifact_id=4)
            for b in (0, 1):
                add("BATCH", idx=b, epoch_idx=e, trial_run_id=r, time=T)
                add("BATCH_METRIC", batch_idx=b, epoch_idx=e, trial_run_id=r, metric_id=4 + b)
                add("BATCH_ARTIFACT", batch_idx=b, epoch_idx=e, trial_run_id=r, artifact_id=4)
    return rows


def renumbered(rows, rng):
    """The same rows in another order and with random 64-bit ids; and the new id of experiment 1."""
    new = {}

    def number(table, old):
        if old is not None and (table, old) not in new:
            new[table, old] = rng.randrange(-2 ** 63, 2 ** 63)
        return new.get((table, old))

    result = [(table, {name: number(table if name == "id" else POINTS_TO[name], value)
                       if name == "id" or name in POINTS_TO else value for name, value in columns.items()})
              for table, columns in rows]
    rng.shuffle(result)
    return result, new["EXPERIMENT", 1]


class Scratch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "odd name #1?.db")

    def build(self, rows, generation=2, fold=str, extra=()):
        """Write the rows into a new database, in columns without a type, so that each holds just what it is given. A tuple
        stands for text of these bytes."""
        if os.path.exists(self.path):
            os.remove(self.path)
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            db.execute("PRAGMA synchronous = OFF")
            for table in digest.CONTENT:
                if generation == 1 and table.startswith("BATCH"):
                    continue
                columns = [name.decode() for name in sorted(digest.known_columns(table) - {b"id"})]
                columns += [column for where, column in extra if where == table]
                definition = ["id INTEGER PRIMARY KEY"] if table in digest.WITH_ID else []
                definition += [f'"{fold(column)}"' for column in columns]
                db.execute(f'CREATE TABLE "{fold(table)}" ({", ".join(definition)})')
            for table, columns in rows:
                names = ", ".join(f'"{name}"' for name in columns)
                values = [x[0] if isinstance(x, tuple) else x for x in columns.values()]
                marks = ", ".join("CAST(? AS TEXT)" if isinstance(x, tuple) else "?" for x in columns.values())
                db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)

    def of(self, rows, experiment=1, **options):
        self.build(rows, **options)
        return digest.experiment_digest(self.path, experiment)


class Structure(Scratch):
    """What changes the digest and what does not."""

    def setUp(self):
        super().setUp()
        self.rows = sample()
        self.plain = self.of(self.rows)

    def changed(self, **options):
        self.assertNotEqual(self.of(self.rows, **options), self.plain)

    def unchanged(self, **options):
        self.assertEqual(self.of(self.rows, **options), self.plain)

    def rows_of(self, table, **values):
        return [columns for name, columns in self.rows if name == table and values.items() <= columns.items()]

    def test_order_and_ids(self):
        first = int(os.environ.get("EXPMIG_TEST_SEED", 0))
        for seed in range(first, first + 10):
            rows, experiment = renumbered(self.rows, random.Random(seed))
            self.assertEqual(self.of(rows, experiment), self.plain, f"seed {seed}")

    def test_extreme_ids(self):
        for extreme in (-2 ** 63, -1, 0, 2 ** 63 - 1):
            swap = {1: extreme}
            rows = [(table, {name: swap.get(value, value) if name == "id" or name in POINTS_TO else value
                             for name, value in columns.items()}) for table, columns in self.rows]
            self.assertEqual(self.of(rows, extreme), self.plain)

    def test_every_column_counts(self):
        for table, columns in digest.CONTENT.items():
            for column, kind in columns:
                self.rows = sample()
                row = self.rows_of(table)[0]
                row[column] = 77 if kind == "integer" else "changed"
                with self.subTest(table=table, column=column):
                    self.changed()

    def test_every_row_counts(self):
        for table in digest.CONTENT:
            if table != "EXPERIMENT":
                self.rows = sample()
                self.rows.remove((table, self.rows_of(table)[0]))
                with self.subTest(table=table):
                    self.changed()

    def test_what_is_not_below(self):
        self.rows += [("METRIC", dict(id=99, type="x", total_val=1)), ("ARTIFACT", dict(id=99, type="x", loc="y")),
                      ("TRIAL", dict(id=99, name="x")), ("TRIAL_RUN", dict(id=99, status="x")), ("EPOCH", dict(idx=5, time=T)),
                      ("EPOCH_METRIC", dict(epoch_idx=0, metric_id=1)), ("BATCH", dict(idx=0, epoch_idx=0, trial_run_id=98, time=T))]
        self.rows_of("TRIAL_RUN", id=4)[0]["trial_id"] = 3
        self.rows_of("TRIAL", id=3)[0]["name"] = "another experiment's"
        self.rows_of("EXPERIMENT", id=2)[0]["title"] = "another"
        rows = self.rows
        self.rows = sample()
        self.rows_of("TRIAL_RUN", id=4)[0]["trial_id"] = 3
        self.assertEqual(self.of(rows), self.of(self.rows))

    def test_sharing(self):
        self.rows.append(("METRIC", dict(self.rows_of("METRIC", id=1)[0], id=50)))
        self.unchanged()  # a twin that nothing links
        self.rows_of("RESULTS_METRIC", results_id=1)[0]["metric_id"] = 50
        self.changed()    # the same value, but a row more
        unshared = self.of(self.rows)
        self.rows_of("RESULTS_METRIC", results_id=1)[0]["metric_id"] = 1
        self.rows_of("RESULTS_METRIC", results_id=2)[0]["metric_id"] = 50
        self.assertEqual(self.of(self.rows), unshared)  # which of two identical rows is meant makes no difference
        self.assertEqual(self.of(self.rows, 2), self.of(sample(), 2))

    def test_placement(self):
        first, second = self.rows_of("EPOCH_METRIC", epoch_trial_run_id=1)
        first["metric_id"], second["metric_id"] = second["metric_id"], first["metric_id"]
        self.rows_of("METRIC", id=2)[0]["type"] = "loss"
        swapped = self.of(self.rows)
        first["metric_id"], second["metric_id"] = second["metric_id"], first["metric_id"]
        self.assertNotEqual(self.of(self.rows), swapped)

    def test_extra_columns(self):
        extra = [("METRIC", "Unit"), ("METRIC", "aside"), ("BATCH_METRIC", "weight"), ("RESULTS", "id")]
        self.unchanged(extra=extra)
        self.rows_of("METRIC", id=1)[0].update(unit="%", aside=1)
        self.changed(extra=extra)
        both = self.of(self.rows, extra=extra)
        self.assertEqual(self.of(self.rows, extra=[("METRIC", "ASIDE"), ("METRIC", "unit"), ("METRIC", "third")]), both)
        self.rows_of("METRIC", id=1)[0].update(unit=1, aside="%")
        self.assertNotEqual(self.of(self.rows, extra=extra), both)
        self.rows = sample()
        self.rows_of("RESULTS", trial_run_id=1)[0]["id"] = 5
        self.changed(extra=extra)  # RESULTS has no id in the schema

    def test_letter_case(self):
        self.unchanged(fold=str.lower)
        self.unchanged(fold=str.title)

    def test_generation_1(self):
        batchless = [row for row in self.rows if not row[0].startswith("BATCH")]
        self.assertEqual(self.of(batchless, generation=1), self.of(batchless))
        self.assertNotEqual(self.of(batchless), self.plain)

    def test_dangling_and_null_links(self):
        row = self.rows_of("RESULTS_METRIC", results_id=1)[0]
        forms = []
        for linked in (2, 777, None):
            row["metric_id"] = linked
            forms.append(self.of(self.rows))
        self.assertEqual(forms[1], forms[2])
        self.assertNotEqual(forms[0], forms[1])
        self.rows.remove(("RESULTS_METRIC", row))
        self.assertNotIn(self.of(self.rows), forms)
        row["results_id"] = None
        self.rows.append(("RESULTS_METRIC", row))
        self.assertNotIn(self.of(self.rows), forms)

    def test_repeated_rows(self):
        self.rows.append(("EPOCH", dict(self.rows_of("EPOCH")[0])))
        self.changed()
        once = self.of(self.rows)
        self.rows.append(("EPOCH", dict(self.rows_of("EPOCH")[0])))
        self.assertNotEqual(self.of(self.rows), once)

    def test_text_that_is_no_utf8(self):
        forms = set()
        for title in ((b"\xff\xfe",), b"\xff\xfe", (b"\xef\xbf\xbd",), (b"a\0b",), (b"a",)):
            self.rows_of("EXPERIMENT", id=1)[0]["title"] = title
            forms.add(self.of(self.rows))
        self.assertEqual(len(forms), 5)

    def test_spellings(self):
        self.rows_of("TRIAL", id=1)[0]["start_time"] = T.replace("T", " ") + ".000"
        self.rows_of("METRIC", id=1)[0].update(total_val=0, per_label_val='{"b":[1,2.00],"a":5e-1}')
        self.unchanged()


class CommandLine(Scratch):
    def run_main(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = digest.main([self.path, *arguments])
        return code, out.getvalue(), err.getvalue()

    def test_it(self):
        one, two = self.of(sample(), 1).hex(), digest.experiment_digest(self.path, 2).hex()
        self.assertEqual(self.run_main("1"), (0, one + "\n", ""))
        self.assertEqual(self.run_main("--all"), (0, f"1 {one}\n2 {two}\n", ""))
        code, out, err = self.run_main("-3")
        self.assertEqual((code, out, err), (2, "", f"{self.path}: no experiment with id -3\n"))
        self.assertRaises(LookupError, digest.experiment_digest, self.path, 3)

    def test_reads_only(self):
        self.build(sample())
        before = pathlib.Path(self.path).read_bytes()
        os.chmod(self.path, 0o444)
        self.run_main("--all")
        self.assertEqual(pathlib.Path(self.path).read_bytes(), before)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [os.path.basename(self.path)])
        os.remove(self.path)
        self.assertEqual(self.run_main("--all")[0], 2)
        self.assertFalse(os.path.exists(self.path))


if __name__ == "__main__":
    unittest.main()
