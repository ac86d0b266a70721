"""Results as columns: what pyarrow, pandas, Polars and DuckDB make of them, and what happens to who takes one twice.

Where these packages are missing, what needs them is skipped, unless EXPMIG_TEST_FRAMES=1 says that it must not be: `make test-frames` installs them.
"""
import datetime
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import expmig

REQUIRED = os.environ.get("EXPMIG_TEST_FRAMES") == "1"
try:
    import duckdb
    import nanoarrow
    import pandas
    import polars
    import pyarrow
except ImportError:
    if REQUIRED:
        raise
    pyarrow = None

needs_packages = unittest.skipIf(pyarrow is None, "needs pyarrow, nanoarrow, pandas, polars and duckdb: make test-frames")

JOINED = """
SELECT t.experiment_id, r.trial_id, l.run, l.epoch, l.batch, m.id, m.type, m.total_val, m.per_label_val, l.time FROM (
  SELECT results_id AS run, NULL AS epoch, NULL AS batch, metric_id, o.time FROM RESULTS_METRIC JOIN RESULTS o ON o.trial_run_id = results_id
  UNION ALL SELECT epoch_trial_run_id, epoch_idx, NULL, metric_id, o.time FROM EPOCH_METRIC
    JOIN EPOCH o ON o.idx = epoch_idx AND o.trial_run_id = epoch_trial_run_id
  UNION ALL SELECT l.trial_run_id, l.epoch_idx, l.batch_idx, metric_id, o.time FROM BATCH_METRIC l
    JOIN BATCH o ON o.idx = l.batch_idx AND o.epoch_idx = l.epoch_idx AND o.trial_run_id = l.trial_run_id) l
JOIN METRIC m ON m.id = l.metric_id JOIN TRIAL_RUN r ON r.id = l.run JOIN TRIAL t ON t.id = r.trial_id
"""


class Columns(binding.Case):
    def test_a_result_says_what_its_columns_are(self):
        columns = self.manager().metrics(levels=["results"])
        self.assertEqual(columns.names[:3], ["experiment_id", "trial_id", "trial_run_id"])
        self.assertEqual(columns.types[7:], ["float64", "map<utf8, float64>", "timestamp[us]"])
        self.assertIn("total_val: float64", repr(columns))
        self.assertIn("<td>per_label_val</td>", columns._repr_html_())
        columns.close()
        columns.close()
        self.assertIn("taken", repr(columns))
        self.fails("MISUSE", columns.__arrow_c_stream__)

    def test_wrong_questions_are_errors(self):
        manager = self.manager()
        self.fails("NOT_FOUND", manager.metrics, [99])
        self.assertRaises(ValueError, manager.metrics, levels=["runs"])
        self.assertRaises(ValueError, manager.metrics, misfit="drop")
        self.assertRaises(TypeError, manager.metrics, ["1"])
        db = self.open()
        self.fails("MISUSE", db.query_columns, "DELETE FROM METRIC", kind=expmig.QueryError)
        self.fails("LOSSY", db.query_columns, "SELECT 1 UNION ALL SELECT 'a'", kind=expmig.QueryError)

    def test_a_closed_database_has_no_columns(self):
        db = self.open()
        columns = db.query_columns("SELECT 1")
        db.close()
        self.fails("MISUSE", columns.__arrow_c_stream__)

    @unittest.skipUnless(pyarrow is None, "pyarrow is there")
    def test_columns_of_a_child_process_need_pyarrow_and_say_so(self):
        apart = self.open(isolation="process")
        with self.assertRaisesRegex(ImportError, "pip install pyarrow"):
            apart.query_columns("SELECT 1")

    @needs_packages
    def test_a_child_process_gives_the_same_columns(self):
        statement = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
            SELECT i, i / 7.0 AS r, nullif('é' || i, 'é3') AS t, x'00ff' AS b, NULL AS none FROM n"""
        asked = {
            "metrics": lambda db: expmig.DataMigrationManager(db).metrics(misfit="column"),
            "rows": lambda db: db.query_columns(statement),
            "no rows": lambda db: db.query_columns("SELECT 1 AS a WHERE 0"),
            "one row": lambda db: db.query_columns("SELECT ? AS a", ["x"]),
        }
        here, apart = self.open(), self.open(isolation="process")
        for name, ask in asked.items():
            with self.subTest(name):
                columns, reference = ask(apart), ask(here)
                self.assertEqual((columns.names, columns.types), (reference.names, reference.types))
                table, wanted = pyarrow.table(columns), pyarrow.table(reference)
                table.validate(full=True)
                self.assertEqual([str(one) for one in table.schema.types], [str(one) for one in wanted.schema.types])
                self.assertEqual(table.to_pylist(), wanted.to_pylist())
        frame = asked["metrics"](apart).to_polars()
        columns = apart.query_columns("SELECT 1")
        kept = pyarrow.table(asked["rows"](apart))
        apart.close()
        self.assertEqual(len(frame), len(asked["metrics"](here).to_pandas()))
        self.assertEqual(kept.num_rows, 200000)
        self.fails("MISUSE", columns.__arrow_c_stream__)

    @needs_packages
    def test_what_does_not_fit_fails_the_call_of_a_child_process(self):
        self.sql("UPDATE METRIC SET total_val = 'much' WHERE id = (SELECT metric_id FROM RESULTS_METRIC LIMIT 1)")
        apart = self.open(isolation="process")
        error = self.fails("LOSSY", expmig.DataMigrationManager(apart).metrics)
        self.assertIn("total_val of id=", str(error))
        self.fails("LOSSY", apart.query_columns, "SELECT 1 UNION ALL SELECT 'a'", kind=expmig.QueryError)
        self.assertEqual(apart.query("SELECT 1")[0][0], 1)

    def test_the_stream_of_a_capsule_that_nobody_has_is_released_with_the_next_result(self):
        from expmig import columns
        manager = self.manager()
        capsule = manager.metrics().__arrow_c_stream__()
        self.assertIn("arrow_array_stream", repr(capsule))
        stream = columns._lent[-1][1]
        manager.metrics().close()
        self.assertTrue(stream.release)
        del capsule
        manager.metrics().close()
        self.assertFalse(stream.release)
        self.assertEqual(columns._lent, [])

    @needs_packages
    def test_every_metric_comes_as_sqlite_has_it(self):
        table = pyarrow.table(self.manager().metrics())
        table.validate(full=True)
        rows = sorted(map(tuple, (row.values() for row in table.to_pylist())), key=lambda row: (row[5], row[2], row[3] or 0, row[4] or 0))
        wanted = []
        for *row, labels, time in self.sql(JOINED):
            labels = None if labels is None else [(key, float(value)) for key, value in json.loads(labels).items()]
            wanted.append((*row, labels, datetime.datetime.fromisoformat(time)))
        wanted.sort(key=lambda row: (row[5], row[2], row[3] or 0, row[4] or 0))
        self.assertGreater(len(wanted), 2000)
        self.assertEqual(rows, wanted)

    @needs_packages
    def test_nanoarrow_finds_nothing_wrong_with_any_array(self):
        def leaves(schema, view):
            """The arrays without children that one is made of, each made anew of its buffers, which nanoarrow checks completely then."""
            if view.n_children:
                return [leaf for one, below in zip(schema.children, view.children) for leaf in leaves(one, below)]
            return [nanoarrow.c_array_from_buffers(schema, view.length, list(view.buffers), null_count=view.null_count, validation_level="full")]

        self.sql("UPDATE METRIC SET total_val = 'much' WHERE id = (SELECT metric_id FROM RESULTS_METRIC LIMIT 1)")
        db = self.open()
        wide = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000) SELECT i, nullif(i % 3, 0) AS m, 'é' || i AS t, NULL AS n, x'00ff' AS b FROM n"
        for columns, rows, arrays in (
            (self.manager().metrics(misfit="column"), self.sql(f"SELECT count(*) FROM ({JOINED})")[0][0], 17),
            (db.query_columns(wide), 150_000, 5), (db.query_columns("SELECT id, title FROM EXPERIMENT WHERE id = 99"), 0, 0),
        ):
            with self.subTest(names=columns.names), nanoarrow.c_array_stream(columns) as stream:
                seen = 0
                for array in stream:
                    # Making a view checks the array with its children: the sizes of buffers, and what offsets lead to.
                    self.assertEqual(len(leaves(array.schema, array.view())), arrays)
                    seen += array.length
                self.assertEqual(seen, rows)

    @needs_packages
    def test_who_takes_it_keeps_all_rows_after_the_database_is_closed(self):
        db = self.open()
        statement = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i, 'é' || i AS t FROM n"
        reader = pyarrow.RecordBatchReader.from_stream(db.query_columns(statement))
        db.close()
        batches = list(reader)
        self.assertEqual([batch.num_rows for batch in batches], [131072, 68928])
        self.assertEqual(batches[1].column(1)[-1].as_py(), "é200000")
        self.assertEqual(sum(batch.column(0).to_numpy().sum() for batch in batches), 200000 * 200001 // 2)

    @needs_packages
    def test_a_second_reading_is_an_error_and_never_nothing(self):
        columns = self.manager().metrics()
        self.assertGreater(columns.to_pandas().shape[0], 0)
        for take in (columns.to_pandas, columns.to_polars, lambda: pyarrow.table(columns)):
            self.fails("MISUSE", take)

    @needs_packages
    def test_frames_have_the_same_rows_and_their_types(self):
        manager, expected = self.manager(), self.sql(f"SELECT count(*), sum(total_val) FROM ({JOINED})")[0]
        frame = manager.metrics().to_pandas()
        self.assertEqual(len(frame), expected[0])
        self.assertAlmostEqual(frame.total_val.sum(), expected[1])
        self.assertEqual(str(frame.dtypes["time"]), "timestamp[us][pyarrow]")
        self.assertIsInstance(frame.dtypes["per_label_val"], pandas.ArrowDtype)
        other = manager.metrics(levels=["epochs", "batches"]).to_polars()
        self.assertEqual(other.schema["total_val"], polars.Float64)
        results = manager.metrics(levels=["results"]).to_polars()
        self.assertEqual(len(other) + len(results), expected[0])
        taken = pyarrow.RecordBatchReader.from_stream(manager.metrics())
        self.assertEqual(duckdb.execute("SELECT count(*) FROM taken").fetchall()[0][0], expected[0])

    @needs_packages
    def test_what_does_not_fit_is_an_error_or_has_a_column(self):
        self.sql("UPDATE METRIC SET total_val = 'much' WHERE id = (SELECT metric_id FROM RESULTS_METRIC LIMIT 1)")
        manager = self.manager()
        with self.assertRaises(Exception) as caught:
            pyarrow.table(manager.metrics())
        self.assertIn("total_val of id=", str(caught.exception))
        table = pyarrow.table(manager.metrics(misfit="column"))
        self.assertEqual(table["total_val"].null_count, 1)
        self.assertEqual(table["total_val_misfit"].drop_null().to_pylist(), ["much"])


if __name__ == "__main__":
    unittest.main()
