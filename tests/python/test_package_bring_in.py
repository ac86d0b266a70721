"""Runs of other trackers, brought into an MLflow store by the package."""
import json
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import binding
from binding import ROOT, expmig

READERS = ROOT / "tests" / "data" / "readers"


class BringIn(binding.Case):
    def store(self):
        """A store that has experiments already."""
        self.stores = getattr(self, "stores", 0) + 1
        path = shutil.copy(ROOT / "tests" / "data" / "mlflow" / "3.17.2.db", self.folder / f"mlflow-{self.stores}.db")
        return self.manager(path)

    def test_what_is_planned_is_done_and_not_done_twice(self):
        for source, kind, runs in [("mlruns/3.5.1", "mlflow-files", 8), ("tensorboard/log", "tensorboard", 6), ("wandb", "wandb", 2)]:
            with self.subTest(kind):
                manager = self.store()
                before = len(manager.list_experiments())
                plan = manager.bring_in_plan(READERS / source)
                self.assertEqual((plan["kind"], plan["planned"], len(manager.list_experiments())), (kind, True, before))
                self.assertEqual(repr(plan), f"<Brought: {runs} runs of {plan['title']}, {runs} would be new>")
                with self.assertRaises(expmig.ImportExportError) as lossy:
                    manager.bring_in(READERS / source)
                self.assertEqual(lossy.exception.status, "LOSSY")
                seen = []
                done = manager.bring_in(READERS / source, leave_out=True, progress_callback=seen.append)
                self.assertTrue(seen)
                self.assertEqual(done["account"], plan["account"])
                self.assertEqual(len(manager.list_experiments()), before + sum(not each["was_there"] for each in done["experiments"]))
                for each in done["experiments"]:
                    self.assertEqual(manager.digest(each["experiment_id"]), each["digest"])
                for what in ("points", "values"):
                    tally = done["account"][what]
                    self.assertEqual(tally["read"], tally["stored"] + sum(sum(tally[part].values()) for part in ("folded", "sidecar", "refused")))
                again = manager.bring_in(READERS / source, kind, leave_out=True)
                self.assertEqual(sum(table["new"] + table["changed"] for table in again["tables"]), 0)

    def test_options_arrive(self):
        sidecar = self.folder / "beside.jsonl"
        manager = self.store()
        done = manager.bring_in(READERS / "tensorboard" / "log", experiment="vision", on_name="append", sidecar=sidecar, view="server", ended=True, user="anna")
        self.assertEqual([(each["name"], each["was_there"]) for each in done["experiments"]], [("vision", True)])
        with open(sidecar) as lines:
            self.assertEqual(len([json.loads(line) for line in lines]), sum(done["account"]["values"]["sidecar"].values()))
        with self.assertRaises(ValueError):
            manager.bring_in(READERS / "wandb", view="some")
        with self.assertRaises(expmig.ImportExportError) as wrong:
            manager.bring_in(READERS / "wandb", kind="sacred")
        self.assertEqual(wrong.exception.status, "INVALID_ARGUMENT")

    def test_experiment_managers_schema_is_no_target_yet(self):
        with self.assertRaises(expmig.ImportExportError) as refused:
            self.manager().bring_in(READERS / "wandb")
        self.assertEqual(refused.exception.status, "UNSUPPORTED")


if __name__ == "__main__":
    unittest.main()
